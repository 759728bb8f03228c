// The wall: every pupil's answer, tap and presence, whoever needs help first.
import { useEffect, useState } from "preact/hooks";
import type { Person } from "../core/api";
import { t } from "../core/i18n";
import { Empty, Icon } from "../core/kit";
import type { Answer, Item } from "../core/quiz";
import type { Room } from "../core/room";
import { Panel } from "./hands";
import { letter } from "./question";
import "./wall.css";

// needs is why a pupil may need help, the most urgent first.
export function needs(room: Room, user: string): ("hand" | "lost" | "wrong" | "silent")[] {
  const out: ("hand" | "lost" | "wrong" | "silent")[] = [];
  const q = room.quiz;
  if (room.hands.value.some((h) => h.user === user)) out.push("hand");
  if (room.taps.value[user] === "lost") out.push("lost");
  const last = q.asked.value.map((id) => q.marks.value[user]?.[id]).filter((m) => m !== undefined).slice(-2);
  if (last.length === 2 && last.every((m) => m! < 0.5)) out.push("wrong");
  const r = q.round.value;
  const here = room.present.value.some((p) => p.user === user);
  if (here && r && r.state !== "open" && r.items.some((i) => i.kind !== "slide") && r.items.every((i) => !q.answers.value[i.id]?.[user])) out.push("silent");
  return out;
}

const weight = { hand: 8, lost: 4, wrong: 2, silent: 1 };

export function Wall({ room }: { room: Room }) {
  const [shown, setShown] = useState(false);
  const [first, setFirst] = useState(true);
  const q = room.quiz;
  const items = q.round.value?.items.filter((i) => i.kind !== "slide") ?? [];
  const [at, setAt] = useState(0);
  const item = items[Math.min(at, items.length - 1)];
  useEffect(() => { if (item) q.look(item.id); }, [item?.id]);
  const urgency = (p: Person) => needs(room, p.id).reduce((sum, n) => sum + weight[n], 0);
  const pupils = [...room.people.value.values()].filter((p) => p.role === "pupil")
    .sort((a, b) => (first ? urgency(b) - urgency(a) : 0) || a.name.localeCompare(b.name));
  return (
    <Panel
      id="wall" room={room} title={t("stage.wall")}
      tools={<button type="button" aria-pressed={shown} onClick={() => setShown(!shown)}>{t(shown ? "stage.wall.hide" : "stage.wall.show")}</button>}
    >
      {pupils.length === 0 ? <Empty>{t("people.empty")}</Empty> : (
        <>
          <div class="row">
            <label class="check"><input type="checkbox" checked={first} onChange={(e) => setFirst(e.currentTarget.checked)} />{t("stage.wall.first")}</label>
            {items.length > 1 && (
              <label class="row">{t("stage.wall.item")}
                <select value={String(at)} onChange={(e) => setAt(Number(e.currentTarget.value))}>{items.map((i, n) => <option key={i.id} value={String(n)}>{n + 1}. {i.text.slice(0, 40)}</option>)}</select>
              </label>
            )}
          </div>
          <ul class="wall">{pupils.map((p) => <Tile key={p.id} room={room} p={p} item={item} shown={shown} />)}</ul>
        </>
      )}
    </Panel>
  );
}

function Tile({ room, p, item, shown }: { room: Room; p: Person; item?: Item; shown: boolean }) {
  const here = room.present.value.some((x) => x.user === p.id);
  const why = needs(room, p.id);
  const answer = item ? room.quiz.answers.value[item.id]?.[p.id] : undefined;
  const tap = room.taps.value[p.id];
  return (
    <li class={`tile${here ? "" : " gone"}${why.length ? " needs" : ""}`}>
      <span class="tile-name"><bdi>{p.name}</bdi></span>
      <span class="marks">
        {why.map((w) => <span key={w} class={`mark ${w}`}><Icon name={w === "hand" ? "hand" : w === "silent" ? "waiting" : w === "wrong" ? "no" : "lost"} />{t(`stage.needs.${w}`)}</span>)}
        {tap && tap !== "lost" && <span class={`mark ${tap}`}><Icon name={tap as "yes" | "no"} />{t(`hand.tap.${tap}`)}</span>}
        {!here && <span class="mark muted-mark">{t("stage.away")}</span>}
      </span>
      {item && <Given room={room} item={item} user={p.id} name={p.name} answer={answer} shown={shown} />}
    </li>
  );
}

// said is an answer in words.
export function said(item: Item, a: Answer): string {
  const r = a.response;
  const name = (id: string, list = item.options) => {
    const n = list?.findIndex((o) => o.id === id) ?? -1;
    return item.kind === "truefalse" ? t(id === "t" ? "quiz.true" : "quiz.false") : n < 0 ? id : `${letter(n)} ${list![n]!.text}`;
  };
  if (r.text !== undefined) return r.text;
  if (r.order) return r.order.map((id) => item.options?.find((o) => o.id === id)?.text ?? id).join(" → ");
  if (r.pairs) return Object.entries(r.pairs).map(([a, b]) => `${item.options?.find((o) => o.id === a)?.text ?? a} – ${item.choices?.find((o) => o.id === b)?.text ?? b}`).join(" · ");
  return (r.options ?? []).map((id) => name(id)).join(", ");
}

// accept makes an answer right from now on, for all who gave it.
function accept(room: Room, item: Item, text: string) {
  const key = room.quiz.loaded.value.items.find((i) => i.id === item.id)?.key;
  if (!key) return;
  const number = Number(text.replace(",", "."));
  if (item.kind === "text") room.send("quiz.regrade", { item: item.id, key: { ...key, texts: [...(key.texts ?? []), { text: text.replace(/\*/g, "\\*"), weight: 1 }] } });
  else if (!Number.isNaN(number)) room.send("quiz.regrade", { item: item.id, key: { ...key, numbers: [...(key.numbers ?? []), { value: number, tolerance: 0, weight: 1 }] } });
}

function Given({ room, item, user, name, answer, shown }: { room: Room; item: Item; user: string; name: string; answer?: Answer; shown: boolean }) {
  if (!answer) return <span class="tile-answer muted">{t("stage.wall.none")}</span>;
  if (!shown) return <span class="tile-answer"><Icon name="saved" />{t("stage.wall.in")}</span>;
  const starred = room.quiz.stars.value.some((s) => s.item === item.id && JSON.stringify(s.response) === JSON.stringify(answer.response));
  const mark = item.kind === "poll" || item.points === 0 ? undefined : answer.mark;
  return (
    <span class={`tile-answer${mark === undefined ? "" : mark > 0.999 ? " good" : mark > 0 ? " part" : " wrong"}`}>
      {mark !== undefined && <Icon name={mark > 0 ? "yes" : "no"} />}
      <bdi>{said(item, answer)}</bdi>
      {mark !== undefined && mark < 1 && (item.kind === "text" || item.kind === "numeric") && answer.response.text && (
        <button type="button" class="quiet star" aria-label={t("stage.accept", { name })} title={t("stage.accept", { name })} onClick={() => accept(room, item, answer.response.text!)}>✓</button>
      )}
      <button type="button" class="quiet star" aria-pressed={starred} aria-label={t("stage.star", { name })} title={t("stage.star", { name })} onClick={() => room.send("quiz.star", { round: room.quiz.round.value!.round, item: item.id, user, on: !starred })}>★</button>
    </span>
  );
}
