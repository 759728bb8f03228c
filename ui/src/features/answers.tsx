// The answers of a question in the editor, and which of them are right, by its kind.
import type { ComponentChildren } from "preact";
import { t } from "../core/i18n";
import type { Authored, Key } from "../core/quiz";
import { Decimal } from "./number";
import { letter, Shape } from "./question";

const ids = "abcdefghij";
const most = { options: 10, texts: 20 };

export const blank = (n: number) => Array.from({ length: n }, (_, i) => ({ id: ids[i]!, text: "" }));

interface Part {
  id: string;
  item: Authored;
  set: (item: Authored) => void;
  setKey: (k: Partial<Key>) => void;
  bad: (field: string) => "true" | undefined; // the box refused this field
}

export function Answers(props: Part) {
  switch (props.item.kind) {
    case "single":
    case "multi":
    case "poll":
      return <Options {...props} />;
    case "truefalse":
      return <TrueFalse {...props} />;
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

const Group = ({ label, hint, children }: { label: string; hint?: string; children: ComponentChildren }) => (
  <fieldset class="edit-group">
    <legend>{label}</legend>
    {hint && <p class="muted">{hint}</p>}
    {children}
  </fieldset>
);

const Drop = ({ label, off, drop }: { label: string; off: boolean; drop: () => void }) => (
  <button type="button" class="quiet" aria-label={label} disabled={off} onClick={drop}>✕</button>
);

function Options({ id, item, set, setKey, bad }: Part) {
  const options = item.options ?? [];
  const one = item.kind === "single";
  const poll = item.kind === "poll";
  const right = (o: string) => (item.key.weights?.[o] ?? 0) > 0;
  // A tap makes all right ones worth the same: shares that came with GIFT end here.
  const mark = (o: string, on: boolean) => {
    const all = one ? (on ? [o] : []) : options.map((x) => x.id).filter((x) => (x === o ? on : right(x)));
    setKey({ weights: Object.fromEntries(all.map((x) => [x, 1])) });
  };
  const drop = (i: number) => {
    const keep = options.filter((_, j) => j !== i);
    const moved = <T,>(of: { [id: string]: T } | undefined) =>
      of && Object.fromEntries(keep.flatMap((o, j) => (o.id in of ? [[ids[j]!, of[o.id]!]] : [])));
    set({ ...item, options: keep.map((o, j) => ({ ...o, id: ids[j]! })), key: { ...item.key, weights: moved(item.key.weights), feedback: moved(item.key.feedback) } });
  };
  const put = (i: number, text: string) => set({ ...item, options: options.map((x, j) => (j === i ? { ...x, text } : x)) });
  return (
    <Group label={t("edit.answers")} hint={poll ? undefined : t(one ? "edit.oneHint" : "edit.multiHint")}>
      <ul class="edit-options">
        {options.map((o, i) => (
          <li key={i}>
            {!poll && (
              <label class="edit-right">
                <input type={one ? "radio" : "checkbox"} name={`${id}-right`} checked={right(o.id)} aria-label={t("edit.rightOne", { letter: letter(i) })} aria-invalid={bad("key.weights")} onChange={(e) => mark(o.id, e.currentTarget.checked)} />
              </label>
            )}
            <Shape n={i} />
            <input type="text" dir="auto" maxLength={200} aria-label={t("edit.option", { letter: letter(i) })} aria-invalid={bad(`options[${i}].text`)} value={o.text} onInput={(e) => put(i, e.currentTarget.value)} />
            <Drop label={t("edit.dropOption", { letter: letter(i) })} off={options.length <= 2} drop={() => drop(i)} />
          </li>
        ))}
      </ul>
      {options.length < most.options && <button type="button" onClick={() => set({ ...item, options: [...options, { id: ids[options.length]!, text: "" }] })}>{t("edit.addOption")}</button>}
    </Group>
  );
}

function TrueFalse({ id, item, setKey }: Part) {
  return (
    <Group label={t("edit.right")}>
      <div class="row">
        {["t", "f"].map((o) => (
          <label key={o} class="check">
            <input type="radio" name={`${id}-right`} checked={(item.key.weights?.[o] ?? 0) > 0} onChange={() => setKey({ weights: { [o]: 1 } })} />{t(o === "t" ? "quiz.true" : "quiz.false")}
          </label>
        ))}
      </div>
    </Group>
  );
}

function Texts({ item, setKey, bad }: Part) {
  const list = item.key.texts ?? [];
  return (
    <Group label={t("edit.acceptedAll")} hint={t("edit.textsHint")}>
      <ul class="edit-options">
        {list.map((a, i) => (
          <li key={i}>
            <input type="text" dir="auto" maxLength={200} aria-label={t("edit.accepted", { n: i + 1 })} aria-invalid={bad(`key.texts[${i}].text`)} value={a.text} onInput={(e) => setKey({ texts: list.map((x, j) => (j === i ? { ...x, text: e.currentTarget.value } : x)) })} />
            <Drop label={t("edit.dropAccepted", { n: i + 1 })} off={false} drop={() => setKey({ texts: list.filter((_, j) => j !== i) })} />
          </li>
        ))}
      </ul>
      {list.length < most.texts && <button type="button" onClick={() => setKey({ texts: [...list, { text: "", weight: 1 }] })}>{t("edit.addAccepted")}</button>}
    </Group>
  );
}

function Numbers({ id, item, setKey, bad }: Part) {
  const list = item.key.numbers ?? [];
  const shown = list.length > 0 ? list : [null];
  const put = (i: number, v: { value?: number; tolerance?: number }) =>
    setKey({ numbers: shown.map((r, j) => (j === i ? { value: 0, tolerance: 0, weight: 1, ...r, ...v } : r!)) });
  return (
    <Group label={t("edit.right")} hint={t("edit.numbersHint")}>
      {shown.map((r, i) => (
        <div key={i} class="edit-pair">
          <Decimal id={`${id}-value-${i}`} label={t("edit.value")} value={r?.value ?? null} bad={bad("key.numbers") ?? bad(`key.numbers[${i}]`)} set={(value) => put(i, { value })} />
          <Decimal id={`${id}-tolerance-${i}`} label={t("edit.tolerance")} value={r?.tolerance ?? 0} least={0} set={(tolerance) => put(i, { tolerance })} />
          {list.length > 1 && <Drop label={t("edit.dropThing", { n: i + 1 })} off={false} drop={() => setKey({ numbers: list.filter((_, j) => j !== i) })} />}
        </div>
      ))}
      {list.length > 0 && list.length < most.texts && <button type="button" onClick={() => setKey({ numbers: [...list, { value: 0, tolerance: 0, weight: 1 }] })}>{t("edit.addNumber")}</button>}
    </Group>
  );
}

// inOrder is the texts of an order question as they belong.
const inOrder = (item: Authored) => (item.key.order ?? []).map((id) => item.options?.find((o) => o.id === id)?.text ?? "");

function Ordered({ item, set, bad }: Part) {
  const list = inOrder(item);
  const put = (texts: string[]) => set({ ...item, options: texts.map((text, i) => ({ id: ids[i]!, text })), key: { ...item.key, order: texts.map((_, i) => ids[i]!) } });
  const swap = (i: number) => put(list.map((x, j) => (j === i - 1 ? list[i]! : j === i ? list[i - 1]! : x)));
  // The box numbers the fields as they are shown mixed; here they are in order.
  const field = (i: number) => bad(`options[${item.options?.findIndex((o) => o.id === item.key.order?.[i])}].text`);
  return (
    <Group label={t("edit.answers")} hint={t("edit.orderHint")}>
      <ol class="edit-options">
        {list.map((text, i) => (
          <li key={i}>
            <b aria-hidden="true">{i + 1}</b>
            <input type="text" dir="auto" maxLength={200} aria-label={t("edit.thing", { n: i + 1 })} aria-invalid={field(i)} value={text} onInput={(e) => put(list.map((x, j) => (j === i ? e.currentTarget.value : x)))} />
            <button type="button" class="quiet" aria-label={t("edit.thingUp", { n: i + 1 })} disabled={i === 0} onClick={() => swap(i)}>↑</button>
            <Drop label={t("edit.dropThing", { n: i + 1 })} off={list.length <= 2} drop={() => put(list.filter((_, j) => j !== i))} />
          </li>
        ))}
      </ol>
      {list.length < most.options && <button type="button" onClick={() => put([...list, ""])}>{t("edit.addThing")}</button>}
    </Group>
  );
}

function Matched({ item, set, bad }: Part) {
  const options = item.options ?? [];
  const choices = item.choices ?? [];
  const sideOf = (o: string) => choices.findIndex((c) => c.id === item.key.pairs?.[o]);
  // Choices that belong to nothing are there to mislead, and come last.
  const pairs = options.map((o) => [o.text, choices[sideOf(o.id)]?.text ?? ""] as const);
  const used = new Set(options.map((o) => sideOf(o.id)));
  const extra = choices.filter((_, i) => !used.has(i)).map((c) => c.text);
  const put = (list: (readonly [string, string])[], more: string[]) =>
    set({
      ...item, options: list.map(([text], i) => ({ id: ids[i]!, text })),
      choices: [...list.map(([, text]) => text), ...more].map((text, i) => ({ id: ids[i]!, text })),
      key: { ...item.key, pairs: Object.fromEntries(list.map((_, i) => [ids[i]!, ids[i]!])) },
    });
  const room = pairs.length + extra.length < most.options;
  return (
    <Group label={t("edit.answers")} hint={t("edit.matchHint")}>
      <ul class="edit-options edit-match">
        {pairs.map(([a, b], i) => (
          <li key={i}>
            <input type="text" dir="auto" maxLength={200} aria-label={t("edit.left", { n: i + 1 })} aria-invalid={bad(`options[${i}].text`)} value={a} onInput={(e) => put(pairs.map((p, j) => (j === i ? [e.currentTarget.value, p[1]] : p)), extra)} />
            <span aria-hidden="true">–</span>
            <input type="text" dir="auto" maxLength={200} aria-label={t("edit.rightSide", { n: i + 1 })} aria-invalid={bad(`choices[${i}].text`)} value={b} onInput={(e) => put(pairs.map((p, j) => (j === i ? [p[0], e.currentTarget.value] : p)), extra)} />
            <Drop label={t("edit.dropThing", { n: i + 1 })} off={pairs.length <= 2} drop={() => put(pairs.filter((_, j) => j !== i), extra)} />
          </li>
        ))}
        {extra.map((text, i) => (
          <li key={`extra${i}`}>
            <input type="text" dir="auto" maxLength={200} aria-label={t("edit.extra", { n: i + 1 })} value={text} onInput={(e) => put(pairs, extra.map((x, j) => (j === i ? e.currentTarget.value : x)))} />
            <Drop label={t("edit.dropExtra", { n: i + 1 })} off={false} drop={() => put(pairs, extra.filter((_, j) => j !== i))} />
          </li>
        ))}
      </ul>
      {room && <div class="row"><button type="button" onClick={() => put([...pairs, ["", ""]], extra)}>{t("edit.addPair")}</button><button type="button" onClick={() => put(pairs, [...extra, ""])}>{t("edit.addExtra")}</button></div>}
    </Group>
  );
}
