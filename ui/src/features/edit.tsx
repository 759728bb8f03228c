// One question in the editor, by its kind.
import { useRef } from "preact/hooks";
import type { Fault } from "../core/api";
import { explain, t } from "../core/i18n";
import type { Authored, Key, Kind } from "../core/quiz";
import { letter } from "./question";

const kinds: Kind[] = ["single", "multi", "truefalse", "text", "numeric", "order", "match", "poll", "slide"];
const ids = "abcdefghij";

const blank = (n: number) => Array.from({ length: n }, (_, i) => ({ id: ids[i]!, text: "" }));

// fresh is a new question of a kind; the box gives it its id.
function fresh(kind: Kind): Authored {
  const base = { id: "", kind, text: "", points: kind === "poll" || kind === "slide" ? 0 : 1 };
  switch (kind) {
    case "single":
    case "multi":
      return { ...base, options: blank(4), key: { weights: { a: 1 } } };
    case "poll":
      return { ...base, options: blank(2), key: {} };
    case "truefalse":
      return { ...base, options: [{ id: "t", text: "" }, { id: "f", text: "" }], key: { weights: { t: 1 } } };
    case "text":
      return { ...base, key: { texts: [{ text: "", weight: 1 }] } };
    case "numeric":
      return { ...base, key: { numbers: [{ value: 0, tolerance: 0, weight: 1 }] } };
    case "order":
      return { ...base, options: blank(3), key: { order: ["a", "b", "c"] } };
    case "match":
      return { ...base, options: blank(3), choices: blank(3), key: { pairs: { a: "a", b: "b", c: "c" } } };
  }
  return { ...base, key: {} };
}

export function Add({ add }: { add: (item: Authored) => void }) {
  return (
    <section class="card stack" aria-labelledby="add-title">
      <h2 id="add-title">{t("edit.add")}</h2>
      <div class="row">{kinds.map((k) => <button key={k} type="button" onClick={() => add(fresh(k))}>{t(`edit.kind.${k}`)}</button>)}</div>
    </section>
  );
}

interface Props {
  n: number;
  of: number;
  item: Authored;
  fault: { fault: Fault; field: string } | null;
  set: (item: Authored) => void;
  move: (by: number) => void;
  remove: () => void;
}

export function Editor({ n, of, item, fault, set, move, remove }: Props) {
  const name = t("edit.question", { n: n + 1 });
  const key = (k: Partial<Key>) => set({ ...item, key: { ...item.key, ...k } });
  return (
    <li class="card stack editor">
      <div class="row between">
        <h2>{name} <small>{t(`edit.kind.${item.kind}`)}</small></h2>
        <span class="row">
          <button type="button" aria-label={t("edit.up", { n: n + 1 })} disabled={n === 0} onClick={() => move(-1)}>↑</button>
          <button type="button" aria-label={t("edit.down", { n: n + 1 })} disabled={n === of - 1} onClick={() => move(1)}>↓</button>
          <button type="button" class="danger" aria-label={t("edit.remove", { n: n + 1 })} onClick={remove}>✕</button>
        </span>
      </div>
      {fault && <p class="note bad">{explain(fault.fault)}</p>}
      <label class="field"><span>{t(item.kind === "slide" ? "edit.slideText" : "edit.text")}</span>
        <textarea rows={item.kind === "slide" ? 4 : 2} dir="auto" maxLength={2000} value={item.text} onInput={(e) => set({ ...item, text: e.currentTarget.value })} /></label>
      <Answers item={item} set={set} setKey={key} />
      {item.kind !== "slide" && item.kind !== "poll" && (
        <div class="row editor-numbers">
          <label class="field"><span>{t("edit.points")}</span><input type="number" min={0} max={100} value={item.points} onInput={(e) => set({ ...item, points: Number(e.currentTarget.value) || 0 })} /></label>
          <label class="field"><span>{t("edit.seconds")}</span><input type="number" min={0} max={3600} value={item.seconds ?? 0} onInput={(e) => set({ ...item, seconds: Number(e.currentTarget.value) || 0 })} /></label>
        </div>
      )}
      {item.kind !== "slide" && (
        <label class="field"><span>{t("edit.general")}</span><input type="text" dir="auto" maxLength={2000} value={item.key.general ?? ""} onInput={(e) => key({ general: e.currentTarget.value })} /></label>
      )}
    </li>
  );
}

interface Part {
  item: Authored;
  set: (item: Authored) => void;
  setKey: (k: Partial<Key>) => void;
}

function Answers(props: Part) {
  switch (props.item.kind) {
    case "single":
    case "multi":
    case "poll":
      return <Options {...props} />;
    case "truefalse":
      return (
        <div class="row" role="radiogroup" aria-label={t("edit.right")}>
          {["t", "f"].map((id) => (
            <button key={id} type="button" role="radio" aria-checked={(props.item.key.weights?.[id] ?? 0) > 0} aria-pressed={(props.item.key.weights?.[id] ?? 0) > 0} onClick={() => props.setKey({ weights: { [id]: 1 } })}>{t(id === "t" ? "quiz.true" : "quiz.false")}</button>
          ))}
        </div>
      );
    case "text":
      return <Texts {...props} />;
    case "numeric":
      return <Numbers {...props} />;
    case "order":
      return <Ordered {...props} />;
    case "match":
      return <Matched {...props} />;
  }
  return null;
}

function Options({ item, set, setKey }: Part) {
  const options = item.options ?? [];
  const one = item.kind === "single";
  const group = useRef(`right-${Math.random()}`);
  const right = (id: string) => (item.key.weights?.[id] ?? 0) > 0;
  const mark = (id: string, on: boolean) => {
    const rest = one ? {} : Object.fromEntries(Object.entries(item.key.weights ?? {}).filter(([k]) => k !== id));
    setKey({ weights: on ? { ...rest, [id]: 1 } : rest });
  };
  const drop = (i: number) => {
    const keep = options.filter((_, j) => j !== i);
    const weights: { [id: string]: number } = {};
    keep.forEach((o, j) => {
      const w = item.key.weights?.[o.id];
      if (w) weights[ids[j]!] = w;
    });
    set({ ...item, options: keep.map((o, j) => ({ ...o, id: ids[j]! })), key: { ...item.key, weights } });
  };
  return (
    <ul class="stack tight edit-options">
      {options.map((o, i) => (
        <li key={i}>
          {item.kind !== "poll" && <input type={one ? "radio" : "checkbox"} name={group.current} checked={right(o.id)} aria-label={t("edit.rightOne", { letter: letter(i) })} onChange={(e) => mark(o.id, e.currentTarget.checked)} />}
          <b aria-hidden="true">{letter(i)}</b>
          <input type="text" dir="auto" maxLength={200} aria-label={t("edit.option", { letter: letter(i) })} value={o.text} onInput={(e) => set({ ...item, options: options.map((x, j) => (j === i ? { ...x, text: e.currentTarget.value } : x)) })} />
          <button type="button" class="quiet" aria-label={t("edit.dropOption", { letter: letter(i) })} disabled={options.length <= 2} onClick={() => drop(i)}>✕</button>
        </li>
      ))}
      {options.length < 10 && <li><button type="button" onClick={() => set({ ...item, options: [...options, { id: ids[options.length]!, text: "" }] })}>{t("edit.addOption")}</button></li>}
    </ul>
  );
}

function Texts({ item, setKey }: Part) {
  const list = item.key.texts ?? [];
  return (
    <div class="stack tight">
      <p class="muted">{t("edit.textsHint")}</p>
      {list.map((a, i) => (
        <div key={i} class="row nowrap">
          <input type="text" dir="auto" maxLength={200} aria-label={t("edit.accepted", { n: i + 1 })} value={a.text} onInput={(e) => setKey({ texts: list.map((x, j) => (j === i ? { ...x, text: e.currentTarget.value } : x)) })} />
          <button type="button" class="quiet" aria-label={t("edit.dropAccepted", { n: i + 1 })} onClick={() => setKey({ texts: list.filter((_, j) => j !== i) })}>✕</button>
        </div>
      ))}
      <div><button type="button" onClick={() => setKey({ texts: [...list, { text: "", weight: 1 }] })}>{t("edit.addAccepted")}</button></div>
    </div>
  );
}

function Numbers({ item, setKey }: Part) {
  const r = item.key.numbers?.[0] ?? { value: 0, tolerance: 0, weight: 1 };
  const set = (v: Partial<typeof r>) => setKey({ numbers: [{ ...r, ...v }, ...(item.key.numbers ?? []).slice(1)] });
  return (
    <div class="row editor-numbers">
      <label class="field"><span>{t("edit.value")}</span><input type="number" step="any" value={r.value} onInput={(e) => set({ value: Number(e.currentTarget.value) || 0 })} /></label>
      <label class="field"><span>{t("edit.tolerance")}</span><input type="number" step="any" min={0} value={r.tolerance} onInput={(e) => set({ tolerance: Number(e.currentTarget.value) || 0 })} /></label>
    </div>
  );
}

// inOrder is the options of an order question as they belong.
const inOrder = (item: Authored) => (item.key.order ?? []).map((id) => item.options?.find((o) => o.id === id)?.text ?? "");

function Ordered({ item, set }: Part) {
  const list = inOrder(item);
  const put = (texts: string[]) => set({ ...item, options: texts.map((text, i) => ({ id: ids[i]!, text })), key: { ...item.key, order: texts.map((_, i) => ids[i]!) } });
  return (
    <div class="stack tight">
      <p class="muted">{t("edit.orderHint")}</p>
      <Lines list={list} put={put} label="edit.thing" />
    </div>
  );
}

function Lines({ list, put, label }: { list: string[]; put: (l: string[]) => void; label: string }) {
  return (
    <>
      {list.map((text, i) => (
        <div key={i} class="row nowrap">
          <b aria-hidden="true">{i + 1}</b>
          <input type="text" dir="auto" maxLength={200} aria-label={t(label, { n: i + 1 })} value={text} onInput={(e) => put(list.map((x, j) => (j === i ? e.currentTarget.value : x)))} />
          <button type="button" class="quiet" aria-label={t("edit.dropThing", { n: i + 1 })} disabled={list.length <= 2} onClick={() => put(list.filter((_, j) => j !== i))}>✕</button>
        </div>
      ))}
      {list.length < 10 && <div><button type="button" onClick={() => put([...list, ""])}>{t("edit.addThing")}</button></div>}
    </>
  );
}

function Matched({ item, set }: Part) {
  const pairs = (item.options ?? []).map((o) => [o.text, item.choices?.find((c) => c.id === item.key.pairs?.[o.id])?.text ?? ""] as const);
  const put = (list: (readonly [string, string])[]) =>
    set({
      ...item, options: list.map(([text], i) => ({ id: ids[i]!, text })), choices: list.map(([, text], i) => ({ id: ids[i]!, text })),
      key: { ...item.key, pairs: Object.fromEntries(list.map((_, i) => [ids[i]!, ids[i]!])) },
    });
  return (
    <div class="stack tight">
      {pairs.map(([a, b], i) => (
        <div key={i} class="row nowrap">
          <input type="text" dir="auto" maxLength={200} aria-label={t("edit.left", { n: i + 1 })} value={a} onInput={(e) => put(pairs.map((p, j) => (j === i ? [e.currentTarget.value, p[1]] : p)))} />
          <span aria-hidden="true">–</span>
          <input type="text" dir="auto" maxLength={200} aria-label={t("edit.rightSide", { n: i + 1 })} value={b} onInput={(e) => put(pairs.map((p, j) => (j === i ? [p[0], e.currentTarget.value] : p)))} />
          <button type="button" class="quiet" aria-label={t("edit.dropThing", { n: i + 1 })} disabled={pairs.length <= 2} onClick={() => put(pairs.filter((_, j) => j !== i))}>✕</button>
        </div>
      ))}
      {pairs.length < 10 && <div><button type="button" onClick={() => put([...pairs, ["", ""]])}>{t("edit.addThing")}</button></div>}
    </div>
  );
}
