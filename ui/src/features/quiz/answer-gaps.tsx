// A text with gaps: each is a field or a list in its place in the sentence. Enter goes from gap to
// gap and sends at the last one.
import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { MathText } from "../../components/math-text";
import { NamedIcon } from "../../components/named-icon";
import { maxAnswerText, type ItemGap, type ItemRevealedGap } from "../../contract";
import { dateLocale, t } from "../../locales/i18n";
import { AnswerForm, type Answering, Hint, SendAnswer, useDraft } from "./answering";
import { foldAnswer, gapText } from "./answer-words";
import { gapWords } from "./options";
import { findUnclear } from "./number-readings";
import { WhichNumber } from "./which-number";
import css from "./answer-gaps.module.css";

// trimGaps returns what is in the gaps, without those that are empty.
const trimGaps = (draft: { [id: string]: string }) =>
  Object.fromEntries(
    Object.entries(draft)
      .map(([id, text]) => [id, text.replace(/\s+/g, " ").trim()] as const)
      .filter(([, text]) => text),
  );

const isNumber = (s: string) => /\p{Nd}/u.test(s);

export function AnswerGaps({ item, mine, refused, shut, revealed, send }: Answering) {
  const bad = refused === "not_a_number";
  const [draft, set, changed] = useDraft<{ [id: string]: string }>(mine?.gaps ?? {}, bad);
  const gaps = item.gaps ?? [];
  const filled = trimGaps(draft);
  const [which, ask] = useState<ReturnType<typeof findUnclear>>();
  const submit = (given: { [id: string]: string }) => {
    const unclear = findUnclear(gaps, given, dateLocale());
    ask(unclear);
    if (!unclear && Object.keys(given).length > 0) send({ gaps: given });
  };
  const ready = Object.keys(filled).length > 0;
  const goOn = (e: KeyboardEvent) => {
    const field = e.target as HTMLElement;
    if (e.key !== "Enter" || e.isComposing || field.tagName === "BUTTON") return;
    const all = [...(e.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[data-gap]")];
    const next = all[all.indexOf(field) + 1];
    if (!next) return;
    e.preventDefault();
    next.focus();
  };
  return (
    <AnswerForm onSend={() => submit(filled)}>
      {!shut && <Hint>{t("quiz.gaps")}</Hint>}
      <p class={css.text} dir="auto" role="group" aria-label={t("quiz.gaps")} onKeyDown={goOn} data-part="gaps">
        {item.text.split("_____").map((part, i) => {
          const gap = gaps[i - 1];
          return (
            <Fragment key={i}>
              {gap &&
                (revealed ? (
                  <ToldGap gap={gap} told={revealed.gaps?.[gap.id]} given={mine?.gaps?.[gap.id]} />
                ) : (
                  <GapField
                    gap={gap}
                    value={draft[gap.id] ?? ""}
                    label={t("quiz.gap", { i, of: gaps.length })}
                    around={`g-${item.id}-${i - 1} g-${item.id}-${i}`}
                    bad={bad && gap.kind === "numeric" && !!draft[gap.id] && !isNumber(draft[gap.id]!)}
                    shut={shut}
                    set={(text) => {
                      ask(undefined);
                      set({ ...draft, [gap.id]: text });
                    }}
                  />
                ))}
              <span id={`g-${item.id}-${i}`}>
                <MathText text={part} />
              </span>
            </Fragment>
          );
        })}
      </p>
      {which && !shut && (
        <WhichNumber
          id={item.id}
          typed={draft[which.id] ?? ""}
          both={which.both}
          choose={(text) => {
            const chosen = { ...draft, [which.id]: text };
            set(chosen);
            submit(trimGaps(chosen));
          }}
        />
      )}
      <SendAnswer shut={shut} ready={ready} changed={changed} sent={!!mine} />
    </AnswerForm>
  );
}

function GapField(props: {
  gap: ItemGap;
  value: string;
  label: string;
  around: string; // the ids of the text before and after it
  bad: boolean;
  shut: boolean;
  set: (text: string) => void;
}) {
  const { gap, value, set } = props;
  const field = {
    class: css.gap,
    "data-gap": gap.id,
    "aria-label": props.label,
    "aria-describedby": props.around,
    "aria-invalid": props.bad,
    disabled: props.shut,
    value,
  };
  if (gap.kind === "single")
    return (
      <select {...field} onChange={(e) => set(e.currentTarget.value)}>
        <option value="">{t("quiz.choose")}</option>
        {gap.options?.map((o) => (
          <option key={o.id} value={o.id}>
            {o.text}
          </option>
        ))}
      </select>
    );
  return (
    <input
      type="text"
      {...field}
      size={Math.max(6, Math.min(value.length + 2, 40))}
      maxLength={maxAnswerText}
      dir={gap.kind === "numeric" ? "ltr" : "auto"}
      autoComplete="off"
      autoCorrect="off"
      autoCapitalize="off"
      spellcheck={false}
      enterkeyhint="next"
      onInput={(e) => set(e.currentTarget.value)}
    />
  );
}

// ToldGap is a gap after the reveal: my answer, and the right one where mine is another.
function ToldGap({ gap, told, given }: { gap: ItemGap; told?: ItemRevealedGap; given?: string }) {
  const words = gapWords(gap, told);
  const mine = given && gapText(gap, given);
  const right = !!mine && words.some((w) => foldAnswer(w) === foldAnswer(mine));
  return (
    <span class={css.told} data-right={right || undefined} data-told={gap.id}>
      {mine && <bdi class={right ? "" : css.mine}>{mine}</bdi>}
      {right && <NamedIcon name="yes" />}
      {!right && (
        <bdi class={css.right}>
          <span class="visually-hidden">{t("quiz.right")} </span>
          {words.slice(0, 3).join(" / ")}
        </bdi>
      )}
    </span>
  );
}
