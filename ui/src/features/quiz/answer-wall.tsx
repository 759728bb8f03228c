// The class wall: every pupil's answer, tap and presence, whoever needs help first. Written answers
// go to the big screen from here.
import { useEffect, useState } from "preact/hooks";
import { Check, Cloud, Eye, EyeOff, type IconNode, LayoutGrid, Star, X } from "lucide";
import type { Person } from "../../api/box";
import { t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { EmptyNote } from "../../components/feedback";
import { Icon } from "../../components/icon";
import { plainMath } from "../../components/math-plain";
import { MathText } from "../../components/math-text";
import { NamedIcon } from "../../components/named-icon";
import type { Answer, Item } from "../../state/quiz";
import type { Room } from "../../state/room";
import { AnswerPicture } from "./answer-picture";
import { responseText } from "./answer-words";
import { letterOf } from "./question";
import { PupilMark } from "../lesson/pupil-mark";
import css from "./answer-wall.module.css";

// helpReasons is why a pupil may need help, the most urgent first.
export function helpReasons(room: Room, user: string): ("hand" | "lost" | "wrong" | "silent")[] {
  const out: ("hand" | "lost" | "wrong" | "silent")[] = [];
  const q = room.quiz;
  if (room.hands.value.some((h) => h.user === user)) out.push("hand");
  if (room.taps.value[user] === "lost") out.push("lost");
  const last = q.asked.value
    .map((id) => q.marks.value[user]?.[id])
    .filter((m) => m !== undefined)
    .slice(-2);
  if (last.length === 2 && last.every((m) => m! < 0.5)) out.push("wrong");
  const r = q.round.value;
  const here = room.present.value.some((p) => p.user === user);
  if (
    here &&
    r &&
    r.state !== "open" &&
    r.items.some((i) => i.kind !== "slide") &&
    r.items.every((i) => !q.answers.value[i.id]?.[user])
  )
    out.push("silent");
  return out;
}

const weight = { hand: 8, lost: 4, wrong: 2, silent: 1 };
const icons = { hand: "hand", lost: "lost", wrong: "no", silent: "waiting" } as const;

export function AnswerWall({ room }: { room: Room }) {
  const [shown, setShown] = useState(false);
  const [first, setFirst] = useState(true);
  const q = room.quiz;
  const items = q.round.value?.items.filter((i) => i.kind !== "slide") ?? [];
  const [at, setAt] = useState(0);
  const item = items[Math.min(at, items.length - 1)];
  useEffect(() => {
    if (item) q.look(item.id);
  }, [item?.id]);
  // Drawings come when they are asked for.
  const drawn = shown && item?.kind === "draw" ? (q.answered.value[item.id] ?? 0) : 0;
  useEffect(() => {
    if (!drawn || !item) return;
    const timer = setTimeout(() => room.flash("quiz.look", { round: q.round.value!.round, item: item.id }), 500);
    return () => clearTimeout(timer);
  }, [drawn, item?.id]);
  const urgency = (p: Person) => helpReasons(room, p.id).reduce((sum, n) => sum + weight[n], 0);
  const pupils = [...room.people.value.values()]
    .filter((p) => p.role === "pupil")
    .sort((a, b) => (first ? urgency(b) - urgency(a) : 0) || a.name.localeCompare(b.name));
  if (pupils.length === 0) return <EmptyNote>{t("people.empty")}</EmptyNote>;
  return (
    <section aria-label={t("stage.wall")}>
      <div class={css.tools}>
        <Button icon={shown ? EyeOff : Eye} aria-pressed={shown} onClick={() => setShown(!shown)}>
          {t(shown ? "stage.wall.hide" : "stage.wall.show")}
        </Button>
        <label class="check">
          <input type="checkbox" checked={first} onChange={(e) => setFirst(e.currentTarget.checked)} />
          {t("stage.wall.first")}
        </label>
        {items.length > 1 && (
          <label class={css.pick}>
            {t("stage.wall.item")}
            <select value={String(at)} onChange={(e) => setAt(Number(e.currentTarget.value))}>
              {items.map((i, n) => (
                <option key={i.id} value={String(n)}>
                  {n + 1}. {plainMath(i.text).slice(0, 40)}
                </option>
              ))}
            </select>
          </label>
        )}
        {item?.kind === "text" && <WallTools room={room} item={item} />}
      </div>
      <ul class={css.wall} data-part="wall">
        {pupils.map((p) => (
          <WallTile key={p.id} room={room} p={p} item={item} shown={shown} />
        ))}
      </ul>
    </section>
  );
}

// WallTools shows written answers to the class, without names.
function WallTools({ room, item }: { room: Room; item: Item }) {
  const round = room.quiz.round.value!.round;
  const as = room.quiz.wall.value?.as;
  const show = (way: "wall" | "cloud") => room.send("quiz.wall", { round, item: item.id, as: as === way ? "" : way });
  const ways: ["wall" | "cloud", IconNode][] = [
    ["wall", LayoutGrid],
    ["cloud", Cloud],
  ];
  return (
    <div class={css.ways} role="group" aria-label={t("stage.wall.toClass")}>
      {ways.map(([way, icon]) => (
        <Button key={way} icon={icon} aria-pressed={as === way} onClick={() => show(way)}>
          {t(`stage.wall.as.${way}`)}
        </Button>
      ))}
    </div>
  );
}

function WallTile({ room, p, item, shown }: { room: Room; p: Person; item?: Item; shown: boolean }) {
  const here = room.present.value.some((x) => x.user === p.id);
  const why = helpReasons(room, p.id);
  const answer = item ? room.quiz.answers.value[item.id]?.[p.id] : undefined;
  const tap = room.taps.value[p.id];
  const classes = [css.tile, !here && css.gone, why.length > 0 && css.needs].filter(Boolean).join(" ");
  return (
    <li class={classes}>
      <span class={css.name}>
        <bdi>{p.name}</bdi>
      </span>
      <span class={css.marks}>
        {why.map((w) => (
          <PupilMark key={w} what={w} icon={icons[w]}>
            {t(`stage.needs.${w}`)}
          </PupilMark>
        ))}
        {tap && tap !== "lost" && (
          <PupilMark what={tap} icon={tap as "yes" | "no"}>
            {t(`hand.tap.${tap}`)}
          </PupilMark>
        )}
        {!here && <PupilMark what="muted">{t("stage.away")}</PupilMark>}
      </span>
      {item && <Given room={room} item={item} user={p.id} name={p.name} answer={answer} shown={shown} />}
    </li>
  );
}

// answerText is an answer in words, with the letters of options.
export function answerText(item: Item, a: Answer): string {
  const r = a.response;
  const name = (id: string) => {
    const n = item.options?.findIndex((o) => o.id === id) ?? -1;
    return item.kind === "truefalse"
      ? t(id === "t" ? "quiz.true" : "quiz.false")
      : n < 0
        ? id
        : `${letterOf(n)} ${item.options![n]!.text}`;
  };
  return r.options ? r.options.map(name).join(", ") : responseText(item, r);
}

// acceptAnswer makes an answer right from now on, for all who gave it.
function acceptAnswer(room: Room, item: Item, text: string) {
  const key = room.quiz.loaded.value.items.find((i) => i.id === item.id)?.key;
  if (!key) return;
  const number = Number(text.replace(",", "."));
  if (item.kind === "text")
    room.send("quiz.regrade", {
      item: item.id,
      key: { ...key, texts: [...(key.texts ?? []), { text: text.replace(/\*/g, "\\*"), weight: 1 }] },
    });
  else if (!Number.isNaN(number))
    room.send("quiz.regrade", {
      item: item.id,
      key: { ...key, numbers: [...(key.numbers ?? []), { value: number, tolerance: 0, weight: 1 }] },
    });
}

function Given({
  room,
  item,
  user,
  name,
  answer,
  shown,
}: {
  room: Room;
  item: Item;
  user: string;
  name: string;
  answer?: Answer;
  shown: boolean;
}) {
  const hidden = !!room.quiz.hidden.value[item.id]?.[user];
  if (!answer) return <span class={`muted ${css.answer}`}>{t("stage.wall.none")}</span>;
  if (!shown)
    return (
      <span class={css.answer}>
        <NamedIcon name="saved" />
        {t("stage.wall.in")}
      </span>
    );
  const round = room.quiz.round.value!.round;
  const starred = room.quiz.stars.value.some(
    (s) => s.item === item.id && JSON.stringify(s.response) === JSON.stringify(answer.response),
  );
  // A mark would give the answer away before the reveal.
  const told = room.quiz.round.value!.state === "revealed";
  const mark = !told || item.kind === "poll" || item.points === 0 ? undefined : answer.mark;
  const rate = mark === undefined ? "" : mark > 0.999 ? css.good : mark > 0 ? css.part : css.wrong;
  const written = (item.kind === "text" || item.kind === "numeric") && answer.response.text;
  return (
    <span class={`${css.answer} ${rate}`}>
      {mark !== undefined && <Icon icon={mark > 0 ? Check : X} />}
      {answer.response.strokes ? (
        <AnswerPicture item={item} strokes={answer.response.strokes} />
      ) : answer.response.pin ? (
        <AnswerPicture item={item} pins={[answer.response.pin]} />
      ) : (
        <bdi class={hidden ? css.hidden : ""}>
          <MathText text={answerText(item, answer)} />
        </bdi>
      )}
      <span class={css.actions}>
        {mark !== undefined && mark < 1 && written && (
          <Button
            kind="quiet"
            icon={Check}
            label={t("stage.accept", { name })}
            onClick={() => acceptAnswer(room, item, answer.response.text!)}
          />
        )}
        {item.kind === "text" && (
          <Button
            kind="quiet"
            icon={hidden ? Eye : EyeOff}
            aria-pressed={hidden}
            label={t("stage.wall.keepOff", { name })}
            onClick={() => room.send("quiz.hide", { round, item: item.id, user, on: !hidden })}
          />
        )}
        <Button
          kind="quiet"
          icon={Star}
          aria-pressed={starred}
          label={t("stage.star", { name })}
          onClick={() => room.send("quiz.star", { round, item: item.id, user, on: !starred })}
        />
      </span>
    </span>
  );
}
