// The gaps of a text in the editor: each is edited like a question of its own.
import type { ComponentChildren } from "preact";
import { Plus, X } from "lucide";
import { Button } from "../../components/button";
import { type ItemGap, maxGaps } from "../../contract";
import { t } from "../../locales/i18n";
import type { Authored } from "../../state/quiz";
import type { Part } from "./answer-editor";
import { addGap, listGaps, withGaps, withoutGap } from "./gap-text";
import { FieldFault } from "./question-fault";
import { makeQuestion } from "./question-kinds";
import css from "./question-editor.module.css";

type GapKind = "text" | "numeric" | "single";

const gapKinds: GapKind[] = ["text", "numeric", "single"];

export function GapEditor({ children, ...part }: Part & { children: (part: Part) => ComponentChildren }) {
  const { id, item, set, change, fault } = part;
  const gaps = listGaps(item);
  const add = () => {
    const area = document.getElementById(`${id}-text`) as HTMLTextAreaElement | null;
    const [from, to] = [area?.selectionStart ?? item.text.length, area?.selectionEnd ?? item.text.length];
    set(addGap(item, from, to));
  };
  const put = (edit: (it: Authored) => Authored, i: number) => (it: Authored) => {
    const list = listGaps(it);
    const one = edit(gapQuestion(it, i));
    const gap = { kind: one.kind, options: one.options?.map(({ id: name, text }) => ({ id: name, text })) };
    const key = { weights: one.key.weights, texts: one.key.texts, numbers: one.key.numbers };
    return withGaps(
      it,
      list.map((g, j) => (j === i ? { gap, key } : g)),
    );
  };
  return (
    <fieldset class={css.group} data-answers>
      <legend>{t("edit.answers")}</legend>
      <p class={css.hint}>{t("edit.gapHint")}</p>
      {gaps.map(({ gap }, i) => {
        const one = gapQuestion(item, i);
        return (
          <section key={i} class={css.gap} aria-label={t("edit.gap", { n: i + 1 })} data-gap={i + 1}>
            <div class={css.gapHead}>
              <b>{t("edit.gap", { n: i + 1 })}</b>
              <select
                aria-label={t("edit.gapKind")}
                value={gap.kind}
                onChange={(e) => {
                  const kind = e.currentTarget.value as GapKind;
                  set(put(() => startGap(kind), i)(item));
                }}
              >
                {gapKinds.map((k) => (
                  <option key={k} value={k}>
                    {t(`edit.gapKind.${k}`)}
                  </option>
                ))}
              </select>
              <Button
                kind="quiet"
                icon={X}
                label={t("edit.dropThing", { n: i + 1 })}
                onClick={() => set(withoutGap(item, i))}
              />
            </div>
            {children({
              id: `${id}-gap-${i}`,
              item: one,
              set: (next) => set(put(() => next, i)(item)),
              change: (edit) => change(put(edit, i)),
              setKey: (k) => set(put((it) => ({ ...it, key: { ...it.key, ...k } }), i)(item)),
              fault: (field) => fault(`gaps[${i}].${field}`),
              plain: true,
            })}
            <FieldFault id={`${id}-gap-${i}-fault`} text={fault(`gaps[${i}].key`) ?? fault(`gaps[${i}].key.texts`)} />
          </section>
        );
      })}
      <FieldFault id={`${id}-gaps-fault`} text={fault("gaps")} />
      {gaps.length < maxGaps && (
        <Button icon={Plus} onClick={add}>
          {t("edit.gapAdd")}
        </Button>
      )}
    </fieldset>
  );
}

// gapQuestion is a gap as a question of its own.
function gapQuestion(item: Authored, i: number): Authored {
  const { gap, key } = listGaps(item)[i] ?? { gap: { kind: "text" }, key: {} };
  return { id: "", text: "", points: 1, kind: (gap as ItemGap).kind, options: gap.options, key };
}

function startGap(kind: GapKind): Authored {
  const made = makeQuestion(kind);
  return kind === "single" ? { ...made, options: made.options?.slice(0, 3) } : made;
}
