// The answers of a question in the editor, and which of them are right, by its kind.
import type { ComponentChildren } from "preact";
import { ArrowUp, Plus, X } from "lucide";
import { Button } from "../../components/button";
import { DecimalField } from "../../components/number-field";
import { maxOptions } from "../../contract";
import { letterOf, TileMark } from "../../components/tile";
import { t } from "../../locales/i18n";
import type { Authored, Key } from "../../state/quiz";
import { GapEditor } from "./gap-editor";
import { OptionRow } from "./option-row";
import { FieldFault } from "./question-fault";
import { optionIDs as ids } from "./question-kinds";
import { RegionEditor } from "./region-editor";
import css from "./question-editor.module.css";

const most = { options: maxOptions, texts: 20 };

export interface Part {
  id: string;
  item: Authored;
  set: (item: Authored) => void;
  change: (edit: (item: Authored) => Authored) => void; // later: the question may be another one by then
  setKey: (k: Partial<Key>) => void;
  plain?: boolean; // a gap: its answers are words
  fault: (field: string) => string | undefined; // why the box refused this field, and what to do
}

const invalid = (fault?: string) => (fault ? ("true" as const) : undefined);

export function AnswerEditor(props: Part) {
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
    case "gaps":
      return <GapEditor {...props}>{(part) => <AnswerEditor {...part} />}</GapEditor>;
    case "pin":
      return props.item.image ? (
        <RegionEditor
          id={props.id}
          image={props.item.image}
          regions={props.item.key.regions ?? []}
          fault={props.fault("key.regions")}
          set={(regions) => props.setKey({ regions })}
        />
      ) : null;
  }
  return null;
}

const Group = ({ label, hint, children }: { label: string; hint?: string; children: ComponentChildren }) => (
  <fieldset class={css.group} data-answers>
    <legend>{label}</legend>
    {hint && <p class={css.hint}>{hint}</p>}
    {children}
  </fieldset>
);

const Drop = ({ label, off, drop }: { label: string; off: boolean; drop: () => void }) => (
  <Button kind="quiet" icon={X} label={label} disabled={off} onClick={drop} />
);

const Add = ({ label, add }: { label: string; add: () => void }) => (
  <Button icon={Plus} onClick={add}>
    {label}
  </Button>
);

function Options({ id, item, set, change, setKey, fault, plain }: Part) {
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
    set({
      ...item,
      options: keep.map((o, j) => ({ ...o, id: ids[j]! })),
      key: { ...item.key, weights: moved(item.key.weights), feedback: moved(item.key.feedback) },
    });
  };
  return (
    <Group label={t("edit.answers")} hint={poll ? undefined : t(one ? "edit.oneHint" : "edit.multiHint")}>
      <ul class={css.options}>
        {options.map((o, i) => (
          <OptionRow
            key={i}
            id={`${id}-option-${i}`}
            plain={plain}
            label={t("edit.option", { letter: letterOf(i) })}
            option={o}
            faults={[fault(`options[${i}].text`), fault(`options[${i}].image.alt`)]}
            change={(edit) => change((it) => ({ ...it, options: it.options?.map((x, j) => (j === i ? edit(x) : x)) }))}
            before={
              <>
                {!poll && (
                  <label class={css.right}>
                    <input
                      type={one ? "radio" : "checkbox"}
                      name={`${id}-right`}
                      checked={right(o.id)}
                      aria-label={t("edit.rightOne", { letter: letterOf(i) })}
                      aria-invalid={invalid(fault("key.weights"))}
                      onChange={(e) => mark(o.id, e.currentTarget.checked)}
                    />
                  </label>
                )}
                <TileMark n={i} filled />
              </>
            }
            after={
              <Drop
                label={t("edit.dropOption", { letter: letterOf(i) })}
                off={options.length <= 2}
                drop={() => drop(i)}
              />
            }
          />
        ))}
      </ul>
      <FieldFault id={`${id}-right-fault`} text={fault("key.weights") ?? fault("options")} />
      {options.length < most.options && (
        <Add
          label={t("edit.addOption")}
          add={() => set({ ...item, options: [...options, { id: ids[options.length]!, text: "" }] })}
        />
      )}
    </Group>
  );
}

function TrueFalse({ id, item, setKey }: Part) {
  return (
    <Group label={t("edit.right")}>
      <div class={css.row}>
        {["t", "f"].map((o) => (
          <label key={o} class="check">
            <input
              type="radio"
              name={`${id}-right`}
              checked={(item.key.weights?.[o] ?? 0) > 0}
              onChange={() => setKey({ weights: { [o]: 1 } })}
            />
            {t(o === "t" ? "quiz.true" : "quiz.false")}
          </label>
        ))}
      </div>
    </Group>
  );
}

// Without an accepted answer the question is open: all answers count, and nothing is right or wrong.
function Texts({ id, item, setKey, fault, plain }: Part) {
  const list = item.key.texts ?? [];
  return (
    <Group
      label={t("edit.acceptedAll")}
      hint={plain ? undefined : t(list.length > 0 ? "edit.textsHint" : "edit.openHint")}
    >
      <ul class={css.options}>
        {list.map((a, i) => {
          const why = fault(`key.texts[${i}].text`);
          return (
            <li key={i}>
              <input
                type="text"
                dir="auto"
                maxLength={200}
                autoComplete="off"
                aria-label={t("edit.accepted", { n: i + 1 })}
                aria-invalid={invalid(why)}
                aria-describedby={why && `${id}-text-fault`}
                value={a.text}
                onInput={(e) =>
                  setKey({ texts: list.map((x, j) => (j === i ? { ...x, text: e.currentTarget.value } : x)) })
                }
              />
              <Drop
                label={t("edit.dropAccepted", { n: i + 1 })}
                off={false}
                drop={() => setKey({ texts: list.filter((_, j) => j !== i) })}
              />
              <FieldFault id={`${id}-text-fault`} text={why} />
            </li>
          );
        })}
      </ul>
      {list.length < most.texts && (
        <Add label={t("edit.addAccepted")} add={() => setKey({ texts: [...list, { text: "", weight: 1 }] })} />
      )}
    </Group>
  );
}

function Numbers({ id, item, setKey, fault }: Part) {
  const list = item.key.numbers ?? [];
  const shown = list.length > 0 ? list : [null];
  const put = (i: number, v: { value?: number; tolerance?: number }) =>
    setKey({ numbers: shown.map((r, j) => (j === i ? { value: 0, tolerance: 0, weight: 1, ...r, ...v } : r!)) });
  return (
    <Group label={t("edit.right")} hint={t("edit.numbersHint")}>
      {shown.map((r, i) => (
        <div key={i} class={css.pair}>
          <DecimalField
            id={`${id}-value-${i}`}
            label={t("edit.value")}
            value={r?.value ?? null}
            bad={invalid(fault("key.numbers") ?? fault(`key.numbers[${i}]`))}
            set={(value) => put(i, { value })}
          />
          <DecimalField
            id={`${id}-tolerance-${i}`}
            label={t("edit.tolerance")}
            value={r?.tolerance ?? 0}
            least={0}
            set={(tolerance) => put(i, { tolerance })}
          />
          {list.length > 1 && (
            <Drop
              label={t("edit.dropThing", { n: i + 1 })}
              off={false}
              drop={() => setKey({ numbers: list.filter((_, j) => j !== i) })}
            />
          )}
        </div>
      ))}
      <FieldFault
        id={`${id}-numbers-fault`}
        text={fault("key.numbers") ?? list.map((_, i) => fault(`key.numbers[${i}]`)).find(Boolean)}
      />
      {list.length > 0 && list.length < most.texts && (
        <Add
          label={t("edit.addNumber")}
          add={() => setKey({ numbers: [...list, { value: 0, tolerance: 0, weight: 1 }] })}
        />
      )}
    </Group>
  );
}

// Ordered shows the things as they belong. The box mixes them.
function Ordered({ id, item, set, change, fault }: Part) {
  const order = item.key.order ?? [];
  const list = order.map((o) => item.options?.find((x) => x.id === o) ?? { id: o, text: "" });
  const put = (things: typeof list) =>
    set({
      ...item,
      options: things.map((o, i) => ({ ...o, id: ids[i]! })),
      key: { ...item.key, order: things.map((_, i) => ids[i]!) },
    });
  const swap = (i: number) => put(list.map((x, j) => (j === i - 1 ? list[i]! : j === i ? list[i - 1]! : x)));
  // The box numbers the fields as they are shown mixed; here they are in order.
  const place = (o: string) => item.options?.findIndex((x) => x.id === o);
  return (
    <Group label={t("edit.answers")} hint={t("edit.orderHint")}>
      <ol class={css.options}>
        {list.map((o, i) => (
          <OptionRow
            key={i}
            id={`${id}-thing-${i}`}
            label={t("edit.thing", { n: i + 1 })}
            option={o}
            faults={[fault(`options[${place(o.id)}].text`), fault(`options[${place(o.id)}].image.alt`)]}
            change={(edit) =>
              change((it) => ({ ...it, options: it.options?.map((x) => (x.id === o.id ? edit(x) : x)) }))
            }
            before={
              <b class={css.number} aria-hidden="true">
                {i + 1}
              </b>
            }
            after={
              <>
                <Button
                  kind="quiet"
                  icon={ArrowUp}
                  label={t("edit.thingUp", { n: i + 1 })}
                  disabled={i === 0}
                  onClick={() => swap(i)}
                />
                <Drop
                  label={t("edit.dropThing", { n: i + 1 })}
                  off={list.length <= 2}
                  drop={() => put(list.filter((_, j) => j !== i))}
                />
              </>
            }
          />
        ))}
      </ol>
      <FieldFault id={`${id}-order-fault`} text={fault("options") ?? fault("key.order")} />
      {list.length < most.options && (
        <Add label={t("edit.addThing")} add={() => put([...list, { id: "", text: "" }])} />
      )}
    </Group>
  );
}

// Matched shows pairs. Choices that belong to nothing are there to mislead, and come last.
function Matched({ id, item, set, change, fault }: Part) {
  const options = item.options ?? [];
  const choices = item.choices ?? [];
  const sideOf = (o: string) => choices.findIndex((c) => c.id === item.key.pairs?.[o]);
  const pairs = options.map((o) => [o, choices[sideOf(o.id)] ?? { id: "", text: "" }] as const);
  const used = new Set(options.map((o) => sideOf(o.id)));
  const extra = choices.filter((_, i) => !used.has(i));
  const put = (list: (readonly [(typeof options)[0], (typeof options)[0]])[], more: typeof extra) =>
    set({
      ...item,
      options: list.map(([o], i) => ({ ...o, id: ids[i]! })),
      choices: [...list.map(([, c]) => c), ...more].map((c, i) => ({ ...c, id: ids[i]! })),
      key: { ...item.key, pairs: Object.fromEntries(list.map((_, i) => [ids[i]!, ids[i]!])) },
    });
  const blank = { id: "", text: "" };
  const room = pairs.length + extra.length < most.options;
  // side is one end of a pair, or a choice without one.
  const side = (name: "options" | "choices", o: (typeof options)[0], label: string, key: string) => {
    const n = (name === "options" ? options : choices).indexOf(o);
    return (
      <OptionRow
        key={key}
        as="div"
        id={`${id}-${key}`}
        label={label}
        option={o}
        faults={[fault(`${name}[${n}].text`), fault(`${name}[${n}].image.alt`)]}
        change={(edit) => change((it) => ({ ...it, [name]: it[name]?.map((x) => (x.id === o.id ? edit(x) : x)) }))}
      />
    );
  };
  return (
    <Group label={t("edit.answers")} hint={t("edit.matchHint")}>
      <ul class={css.pairs}>
        {pairs.map(([a, b], i) => (
          <li key={i}>
            {side("options", a, t("edit.left", { n: i + 1 }), `left-${i}`)}
            {side("choices", b, t("edit.rightSide", { n: i + 1 }), `right-${i}`)}
            <Drop
              label={t("edit.dropThing", { n: i + 1 })}
              off={pairs.length <= 2}
              drop={() =>
                put(
                  pairs.filter((_, j) => j !== i),
                  extra,
                )
              }
            />
          </li>
        ))}
        {extra.map((c, i) => (
          <li key={`extra${i}`}>
            <span />
            {side("choices", c, t("edit.extra", { n: i + 1 }), `extra-${i}`)}
            <Drop
              label={t("edit.dropExtra", { n: i + 1 })}
              off={false}
              drop={() =>
                put(
                  pairs,
                  extra.filter((_, j) => j !== i),
                )
              }
            />
          </li>
        ))}
      </ul>
      <FieldFault id={`${id}-pairs-fault`} text={fault("options") ?? fault("choices") ?? fault("key.pairs")} />
      {room && (
        <div class={css.row}>
          <Add label={t("edit.addPair")} add={() => put([...pairs, [blank, blank]], extra)} />
          <Add label={t("edit.addExtra")} add={() => put(pairs, [...extra, blank])} />
        </div>
      )}
    </Group>
  );
}
