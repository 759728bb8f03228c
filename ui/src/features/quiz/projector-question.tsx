// The question on the projector: no name before the reveal, and none of a pupil's answer.
import { CircleCheck, Hand, Keyboard, ListOrdered, Lock, MapPin, Pause, Pencil, Shuffle } from "lucide";
import type { IconNode } from "lucide";
import { FitToScreen } from "../../components/fit-to-screen";
import { useNow } from "../../components/hooks";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { Meter, TimerRing } from "../../components/meter";
import { PageTitle } from "../../components/page-title";
import { span, t } from "../../locales/i18n";
import type { Item, Kind } from "../../state/quiz";
import type { Room } from "../../state/room";
import { numberGaps } from "./answer-words";
import { ChoiceTiles, GapLines, Grown, MatchRows, OrderRows, RightShare, RightWords } from "./projector-answers";
import { HeatMap, StagePicture } from "./projector-picture";
import { AnswerWords, StarredOnStage } from "./projector-words";
import { rightAnswerText } from "./question";
import css from "./projector-question.module.css";

const hints: Partial<Record<Kind, IconNode>> = {
  multi: Hand,
  text: Keyboard,
  numeric: Keyboard,
  order: ListOrdered,
  match: Shuffle,
  gaps: Keyboard,
  pin: MapPin,
  draw: Pencil,
};
export const tiled: Kind[] = ["single", "multi", "truefalse", "poll"];

export function ProjectorQuestion({ room }: { room: Room }) {
  const r = room.quiz.round.value;
  const item = r?.items[0];
  if (!r || !item) return null;
  return (
    <FitToScreen class={css.question} key={r.round}>
      {r.items.length > 1 ? <OwnPace room={room} /> : <One room={room} item={item} />}
    </FitToScreen>
  );
}

const State = ({ icon, children }: { icon: IconNode; children: string }) => (
  <p class={css.state}>
    <Icon icon={icon} />
    {children}
  </p>
);

function Clock({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value!;
  useNow();
  if (q.end.value !== null) {
    const left = Math.max(0, q.end.value - room.now());
    const text = span(left + 999);
    return (
      <span class={css.clock} data-long={text.length > 4 || undefined}>
        <TimerRing
          left={Math.min(1, left / (r.seconds * 1000))}
          text={text}
          label={t("quiz.left")}
          low={left < 10000}
        />
        <span class="visually-hidden" role="status">
          {left > 0 && left < 10000 ? t("quiz.soon") : ""}
        </span>
      </span>
    );
  }
  if (r.paused) return <State icon={Pause}>{t("quiz.paused")}</State>;
  if (r.state === "locked" && r.items.some((i) => i.kind !== "slide"))
    return <State icon={Lock}>{t("quiz.locked")}</State>;
  return null;
}

// top is for a question with a picture, which has the room that is left.
function Head({ room, where, top, children }: { room: Room; where: string; top?: boolean; children: string }) {
  return (
    <header class={css.head} data-top={top || undefined}>
      <div>
        {where && <p class={css.where}>{where}</p>}
        <PageTitle>
          <bdi class={css.stem} data-stem>
            <MathText text={children} />
          </bdi>
        </PageTitle>
      </div>
      <Clock room={room} />
    </header>
  );
}

function One({ room, item }: { room: Room; item: Item }) {
  const q = room.quiz;
  const r = q.round.value!;
  const told = q.told.value;
  const answer = told?.keys?.[item.id];
  const counts = told?.counts?.[item.id];
  const wall = q.wall.value?.round === r.round && q.wall.value.item === item.id ? q.wall.value : null;
  const stars = q.stars.value.filter((s) => s.round === r.round && s.item === item.id);
  const where = r.index >= 0 && item.kind !== "slide" ? t("quiz.of", { i: r.index + 1, of: r.of }) : "";
  const answered = told?.answered?.[item.id] ?? 0;
  const props = { item, answer, counts, answered };
  const written = wall || stars.length > 0 || (answer && (answer.texts?.length || answer.numbers?.length));
  const pinned = item.kind === "pin" && item.image;
  return (
    <>
      <Head room={room} where={where} top={!!item.image || !!wall || stars.length > 0}>
        {item.gaps ? numberGaps(item.text) : item.text}
      </Head>
      {item.image && !(item.kind === "draw" && stars.length > 0) && (
        <StagePicture image={item.image}>
          {pinned && told && (
            <HeatMap image={item.image} pins={told.pins?.[item.id] ?? []} regions={answer?.regions ?? []} />
          )}
        </StagePicture>
      )}
      {tiled.includes(item.kind) && <ChoiceTiles {...props} />}
      {item.kind === "order" && <OrderRows {...props} />}
      {item.kind === "match" && <MatchRows {...props} />}
      {item.kind === "gaps" && <GapLines {...props} />}
      {answer && <RightWords answer={answer} />}
      {wall && <AnswerWords wall={wall} />}
      {stars.length > 0 && <StarredOnStage stars={stars} items={r.items} />}
      {!answer && !written && <Hint kind={item.kind} />}
      {answer?.general && (
        <p class={css.general}>
          <bdi>
            <MathText text={answer.general} />
          </bdi>
        </p>
      )}
      {told && (item.kind !== "text" || answer?.texts?.length) && <RightShare counts={counts} answered={answered} />}
    </>
  );
}

// Hint says what to do on the device, where the screen does not show it.
export function Hint({ kind }: { kind: Kind }) {
  const icon = hints[kind];
  if (!icon) return null;
  return (
    <p class={css.hint} data-alone={["text", "numeric", "draw"].includes(kind) || undefined}>
      <Icon icon={icon} />
      {t(kind === "multi" ? "quiz.many" : `stage.hint.${kind}`)}
    </p>
  );
}

// OwnPace is a round of several questions: how far the class is, and after the reveal the answers.
function OwnPace({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value!;
  const told = q.told.value;
  const items = r.items.filter((i) => i.kind !== "slide");
  return (
    <>
      <Head room={room} where="">
        {t("stage.own", { n: r.items.length })}
      </Head>
      <ol class={css.list} style={{ "--half": Math.ceil(items.length / 2) }}>
        {items.map((i, n) => {
          const answer = told?.keys?.[i.id];
          const counts = told?.counts?.[i.id];
          const answered = told?.answered?.[i.id] ?? q.answered.value[i.id] ?? 0;
          const one = answer?.right?.length === 1 ? counts?.[answer.right[0]!] : counts?.right;
          const words = answer && [rightOptions(i, answer.right ?? []), rightAnswerText(i, answer)].filter(Boolean);
          return (
            <li key={i.id} data-right={!!answer || undefined}>
              <b>{t("stage.number", { n: n + 1 })}</b>
              <span class={css.asked}>
                <bdi>
                  <MathText text={i.text} most={90} />
                </bdi>
                {words && words.length > 0 && (
                  <span class={css.told}>
                    <Icon icon={CircleCheck} label={t("quiz.right")} />
                    <bdi>
                      <MathText text={words.join(" · ")} most={90} />
                    </bdi>
                  </span>
                )}
              </span>
              <span class={css.figure}>
                {one !== undefined ? t("stage.rightOf", { n: one, of: answered }) : t("stage.answers", { n: answered })}
              </span>
              {one !== undefined && <Grown share={answered ? one / answered : 0} />}
            </li>
          );
        })}
      </ol>
    </>
  );
}

const rightOptions = (item: Item, right: string[]) =>
  (item.kind === "truefalse"
    ? right.map((id) => t(id === "t" ? "quiz.true" : "quiz.false"))
    : right.map((id) => item.options?.find((o) => o.id === id)?.text ?? "")
  ).join(" · ");

// AnsweredMeter fills as answers come in.
export function AnsweredMeter({ room }: { room: Room }) {
  const q = room.quiz;
  const asked = q.round.value?.items.filter((i) => i.kind !== "slide") ?? [];
  if (asked.length === 0) return null;
  const n = asked.reduce((sum, i) => sum + (q.answered.value[i.id] ?? 0), 0);
  const of = Math.max(room.pupilsHere.value * asked.length, n, 1);
  return <Meter value={n} of={of} text={t("stage.answered", { n, of })} />;
}
