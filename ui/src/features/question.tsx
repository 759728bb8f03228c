// One question as a pupil answers it, and what came of it after the reveal.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../core/kit";
import { t } from "../core/i18n";
import type { Item, Quiz, Response, Revealed } from "../core/quiz";
import "./question.css";

// Shape is an option's mark: colour, form and letter say the same.
const shapes = ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18", "M4 4h16v16H4z", "M12 3l10 18H2z", "M12 2l10 10-10 10L2 12z"];

export const letter = (n: number) => String.fromCharCode(65 + n);

export const Shape = ({ n }: { n: number }) => (
  <span class={`shape shape${n % 4}`} aria-hidden="true">
    <svg viewBox="0 0 24 24" focusable="false"><path d={shapes[n % 4]} /></svg><b>{letter(n)}</b>
  </span>
);

// optionsOf are the options as they are shown: true and false have no text of their own.
export const optionsOf = (item: Item) =>
  (item.options ?? []).map((o) => (item.kind === "truefalse" ? { ...o, text: t(o.id === "t" ? "quiz.true" : "quiz.false") } : o));

const tapped = ["single", "truefalse", "poll"];

interface Props {
  quiz: Quiz;
  item: Item;
  shut: boolean; // nothing can be answered now
}

export function Question({ quiz, item, shut }: Props) {
  const told = quiz.told.value;
  const revealed = told?.keys?.[item.id];
  const waiting = quiz.waiting.value[item.id];
  const mine = waiting ?? quiz.mine.value[item.id];
  if (item.kind === "slide") return <div class="question slide-text"><Stem item={item} /></div>;
  const props = { item, mine, shut: shut || !!revealed, key: item.id, revealed, counts: told?.counts?.[item.id], send: (r: Response) => quiz.answer(item.id, r) };
  return (
    <div class="question">
      <Stem item={item} />
      {tapped.includes(item.kind) && <Tapped {...props} />}
      {item.kind === "multi" && <Multi {...props} />}
      {(item.kind === "text" || item.kind === "numeric") && <Written {...props} />}
      {item.kind === "order" && <Order {...props} />}
      {item.kind === "match" && <Match {...props} />}
      <Saved quiz={quiz} item={item} waiting={!!waiting} mine={!!mine} />
      {revealed && <Outcome quiz={quiz} item={item} revealed={revealed} answered={!!mine} />}
    </div>
  );
}

const Stem = ({ item }: { item: Item }) => (
  <>
    {item.title && <p class="question-title"><bdi>{item.title}</bdi></p>}
    <p class="question-text" id={`q-${item.id}`}><bdi>{item.text}</bdi></p>
  </>
);

interface Answering {
  item: Item;
  mine?: Response;
  shut: boolean;
  revealed?: Revealed;
  counts?: { [option: string]: number };
  send: (r: Response) => void;
}

function Choice(props: { n: number; on: boolean; text: string; shut: boolean; right?: boolean; told: boolean; count?: number; all: number; press: () => void }) {
  const { n, on, text, shut, right, told, count, all, press } = props;
  return (
    <button type="button" class={told && right ? "option right" : "option"} aria-pressed={on} disabled={shut} onClick={press}>
      <Shape n={n} />
      <span class="option-text"><bdi>{text}</bdi></span>
      {told && right && <span class="option-mark"><Icon name="yes" />{t("quiz.right")}</span>}
      {told && count !== undefined && <span class="option-count">{t("quiz.chose", { n: count })}<progress max={Math.max(all, 1)} value={count} aria-hidden="true" /></span>}
    </button>
  );
}

function Tapped({ item, mine, shut, revealed, counts, send }: Answering) {
  const all = Object.values(counts ?? {}).reduce((a, b) => a + b, 0);
  return (
    <div class="options" role="group" aria-labelledby={`q-${item.id}`}>
      {optionsOf(item).map((o, n) => (
        <Choice
          key={o.id} n={n} text={o.text} on={mine?.options?.[0] === o.id} shut={shut} told={!!revealed} right={revealed?.right?.includes(o.id)}
          count={counts?.[o.id]} all={all} press={() => send({ options: [o.id] })}
        />
      ))}
    </div>
  );
}

// Draft keeps what is not sent yet, and begins again when the box tells another answer.
function useDraft<T>(from: T): [T, (v: T) => void, boolean] {
  const [draft, set] = useState(from);
  const told = JSON.stringify(from);
  useEffect(() => set(from), [told]);
  return [draft, set, JSON.stringify(draft) !== told];
}

function SendAnswer({ shut, changed, sent }: { shut: boolean; changed: boolean; sent: boolean }) {
  if (shut) return null;
  return <button type="submit" class="primary big" disabled={sent && !changed}>{t(sent ? "quiz.change" : "quiz.send")}</button>;
}

function Multi({ item, mine, shut, revealed, counts, send }: Answering) {
  const [draft, set, changed] = useDraft(mine?.options ?? []);
  const all = Math.max(0, ...Object.values(counts ?? {}));
  const toggle = (id: string) => set(draft.includes(id) ? draft.filter((o) => o !== id) : [...draft, id].sort());
  return (
    <form class="stack" onSubmit={(e) => { e.preventDefault(); if (draft.length) send({ options: draft }); }}>
      <p class="muted">{t("quiz.many")}</p>
      <div class="options" role="group" aria-labelledby={`q-${item.id}`}>
        {optionsOf(item).map((o, n) => (
          <Choice
            key={o.id} n={n} text={o.text} on={draft.includes(o.id)} shut={shut} told={!!revealed} right={revealed?.right?.includes(o.id)}
            count={counts?.[o.id]} all={all} press={() => toggle(o.id)}
          />
        ))}
      </div>
      <SendAnswer shut={shut || !draft.length} changed={changed} sent={!!mine} />
    </form>
  );
}

function Written({ item, mine, shut, send }: Answering) {
  const [draft, set, changed] = useDraft(mine?.text ?? "");
  return (
    <form class="stack" onSubmit={(e) => { e.preventDefault(); if (draft.trim()) send({ text: draft.trim() }); }}>
      <input
        type="text" aria-labelledby={`q-${item.id}`} value={draft} maxLength={200} disabled={shut} autoComplete="off"
        inputMode={item.kind === "numeric" ? "decimal" : "text"} placeholder={t(item.kind === "numeric" ? "quiz.number" : "quiz.word")}
        onInput={(e) => set(e.currentTarget.value)}
      />
      <SendAnswer shut={shut} changed={changed} sent={!!mine} />
    </form>
  );
}

function Order({ item, mine, shut, revealed, send }: Answering) {
  const [draft, set, changed] = useDraft(mine?.order ?? (item.options ?? []).map((o) => o.id));
  const name = (id: string) => item.options?.find((o) => o.id === id)?.text ?? "";
  const move = (i: number, by: number) => {
    const list = [...draft];
    list.splice(i + by, 0, ...list.splice(i, 1));
    set(list);
  };
  return (
    <form class="stack" onSubmit={(e) => { e.preventDefault(); send({ order: draft }); }}>
      <p class="muted">{t("quiz.order")}</p>
      <ol class="order" aria-labelledby={`q-${item.id}`}>
        {draft.map((id, i) => (
          <li key={id} class={revealed && revealed.order?.[i] === id ? "right" : ""}>
            <span class="order-place">{i + 1}</span><span class="option-text"><bdi>{name(id)}</bdi></span>
            {!shut && (
              <>
                <button type="button" aria-label={t("quiz.up", { text: name(id) })} disabled={i === 0} onClick={() => move(i, -1)}>↑</button>
                <button type="button" aria-label={t("quiz.down", { text: name(id) })} disabled={i === draft.length - 1} onClick={() => move(i, 1)}>↓</button>
              </>
            )}
          </li>
        ))}
      </ol>
      <SendAnswer shut={shut} changed={changed} sent={!!mine} />
    </form>
  );
}

function Match({ item, mine, shut, revealed, send }: Answering) {
  const [draft, set, changed] = useDraft(mine?.pairs ?? {});
  const whole = (item.options ?? []).every((o) => draft[o.id]);
  return (
    <form class="stack" onSubmit={(e) => { e.preventDefault(); if (whole) send({ pairs: draft }); }}>
      <div class="match" role="group" aria-labelledby={`q-${item.id}`}>
        {(item.options ?? []).map((o) => (
          <label key={o.id} class={revealed && revealed.pairs?.[o.id] === draft[o.id] ? "right" : ""}>
            <span><bdi>{o.text}</bdi></span>
            <select value={draft[o.id] ?? ""} disabled={shut} onChange={(e) => set({ ...draft, [o.id]: e.currentTarget.value })}>
              <option value="">{t("quiz.choose")}</option>
              {(item.choices ?? []).map((c) => <option key={c.id} value={c.id}>{c.text}</option>)}
            </select>
          </label>
        ))}
      </div>
      <SendAnswer shut={shut || !whole} changed={changed} sent={!!mine} />
    </form>
  );
}

function Saved({ quiz, item, waiting, mine }: { quiz: Quiz; item: Item; waiting: boolean; mine: boolean }) {
  const refused = quiz.refused.value?.item === item.id ? quiz.refused.value.code : "";
  let text: ComponentChildren = "";
  if (refused) text = <><Icon name="no" />{t(["late", "locked", "paused"].includes(refused) ? `quiz.refused.${refused}` : "quiz.refused")}</>;
  else if (waiting) text = <><Icon name="waiting" />{t("quiz.waiting")}</>;
  else if (mine && !quiz.told.value) text = <><Icon name="saved" />{t(quiz.round.value?.state === "open" ? "quiz.saved" : "quiz.savedShut")}</>;
  return <p class={refused ? "saved bad" : "saved"} role="status">{text}</p>;
}

function Outcome({ quiz, item, revealed, answered }: { quiz: Quiz; item: Item; revealed: Revealed; answered: boolean }) {
  const mark = quiz.told.value?.mine?.[item.id];
  const name = (id: string, list = item.options) => list?.find((o) => o.id === id)?.text ?? "";
  const right = [
    ...(revealed.texts ?? []), ...(revealed.numbers ?? []),
    ...(item.kind === "match" ? Object.entries(revealed.pairs ?? {}).map(([a, b]) => `${name(a)} – ${name(b, item.choices)}`) : []),
    ...(item.kind === "order" ? [(revealed.order ?? []).map((id) => name(id)).join(" → ")] : []),
  ];
  if (item.kind === "poll") return null;
  const how = !answered || mark === undefined ? "none" : mark > 0.999 ? "right" : mark > 0 ? "part" : "wrong";
  return (
    <div class={`outcome outcome-${how}`} role="status">
      <p class="outcome-head">{how !== "none" && <Icon name={how === "wrong" ? "no" : "yes"} />}{t(`quiz.outcome.${how}`, { percent: Math.round((mark ?? 0) * 100) })}</p>
      {right.length > 0 && <p>{t("quiz.answer")} <bdi>{right.join(" · ")}</bdi></p>}
      {revealed.general && <p><bdi>{revealed.general}</bdi></p>}
    </div>
  );
}
