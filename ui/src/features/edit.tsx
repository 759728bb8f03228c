// One question in the editor, whatever its kind.
import type { Fault } from "../core/api";
import { explain, t } from "../core/i18n";
import { maybe } from "../core/kit";
import type { Authored, Key, Kind } from "../core/quiz";
import { Answers, blank } from "./answers";
import { Whole } from "./number";

const kinds: Kind[] = ["single", "multi", "truefalse", "text", "numeric", "order", "match", "poll", "slide"];

// fresh is a new question of a kind; the box gives it its id.
function fresh(kind: Kind): Authored {
  const base = { id: "", kind, text: "", points: kind === "poll" || kind === "slide" ? 0 : 1 };
  switch (kind) {
    case "single":
    case "multi":
      return { ...base, options: blank(4), key: { weights: {} } };
    case "poll":
      return { ...base, options: blank(2), key: {} };
    case "truefalse":
      return { ...base, options: [{ id: "t", text: "" }, { id: "f", text: "" }], key: { weights: { t: 1 } } };
    case "text":
      return { ...base, key: { texts: [{ text: "", weight: 1 }] } };
    case "numeric":
      return { ...base, key: { numbers: [] } };
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
  uid: number;
  n: number;
  of: number;
  item: Authored;
  fault: { fault: Fault; field: string } | null;
  set: (item: Authored) => void;
  move: (by: number) => void;
  remove: () => void;
}

export function Editor({ uid, n, of, item, fault, set, move, remove }: Props) {
  const id = `item-${uid}`;
  const key = (k: Partial<Key>) => set({ ...item, key: { ...item.key, ...k } });
  const bad = (field: string) => (fault?.field === field ? "true" as const : undefined);
  const asks = item.kind !== "slide";
  return (
    <li class="card stack editor" data-uid={uid} aria-labelledby={`${id}-name`}>
      <div class="row between">
        <h2 id={`${id}-name`}>{t("edit.question", { n: n + 1 })} <small>{t(`edit.kind.${item.kind}`)}</small></h2>
        <span class="row editor-tools">
          <button type="button" class="move-up" aria-label={t("edit.up", { n: n + 1 })} disabled={n === 0} onClick={() => move(-1)}>↑</button>
          <button type="button" class="move-down" aria-label={t("edit.down", { n: n + 1 })} disabled={n === of - 1} onClick={() => move(1)}>↓</button>
          <button type="button" class="danger remove" aria-label={t("edit.remove", { n: n + 1 })} onClick={remove}>✕</button>
        </span>
      </div>
      {fault && <p class="note warn" id={`${id}-fault`}>{maybe(`edit.err.${fault.fault.code}`) || explain(fault.fault)}</p>}
      <div class="field">
        <label for={`${id}-text`}>{t(asks ? "edit.text" : "edit.slideText")}</label>
        <textarea
          id={`${id}-text`} rows={asks ? 2 : 4} dir="auto" maxLength={2000} value={item.text} aria-invalid={bad("text")}
          aria-describedby={fault ? `${id}-fault` : undefined} onInput={(e) => set({ ...item, text: e.currentTarget.value })}
        />
      </div>
      <Answers id={id} item={item} set={set} setKey={key} bad={bad} />
      <More id={id} item={item} set={set} setKey={key} bad={bad} />
    </li>
  );
}

type Part = Parameters<typeof Answers>[0];

// More is what most questions leave as it is.
function More({ id, item, set, setKey, bad }: Part) {
  if (item.kind === "slide") return null;
  const graded = item.kind !== "poll";
  return (
    <>
      <div class="row editor-numbers">
        {graded && <Whole id={`${id}-points`} label={t("edit.points")} value={item.points} least={0} most={100} bad={bad("points")} set={(points) => set({ ...item, points })} />}
        <Whole id={`${id}-seconds`} label={t("edit.seconds")} hint={t("edit.secondsHint")} value={item.seconds ?? 0} least={5} most={3600} none bad={bad("seconds")} set={(seconds) => set({ ...item, seconds })} />
      </div>
      {graded && (
        <div class="field">
          <label for={`${id}-general`}>{t("edit.general")}</label>
          <input id={`${id}-general`} type="text" dir="auto" maxLength={2000} value={item.key.general ?? ""} onInput={(e) => setKey({ general: e.currentTarget.value })} />
        </div>
      )}
    </>
  );
}
