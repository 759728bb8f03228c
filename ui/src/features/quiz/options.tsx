// Options and keys in words and signs, as all pages show them.
import { t } from "../../locales/i18n";
import type { ItemGap, ItemRevealedGap } from "../../contract";
import type { Item, Revealed } from "../../state/quiz";
import css from "./options.module.css";

// OptionShape is an option's mark: colour, form and letter say the same.
const shapes = ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18", "M4 4h16v16H4z", "M12 3l10 18H2z", "M12 2l10 10-10 10L2 12z"];

export const letterOf = (n: number) => String.fromCharCode(65 + n);

export const OptionShape = ({ n }: { n: number }) => (
  <span class={`${css.shape} hue${n % 4}`} aria-hidden="true">
    <svg viewBox="0 0 24 24" focusable="false" aria-hidden="true">
      <path d={shapes[n % 4]} />
    </svg>
    <b>{letterOf(n)}</b>
  </span>
);

// optionsOf are the options as they are shown: true and false have no text of their own.
export const optionsOf = (item: Item) =>
  (item.options ?? []).map((o) =>
    item.kind === "truefalse" ? { ...o, text: t(o.id === "t" ? "quiz.true" : "quiz.false") } : o,
  );

// gapWords are the right answers of a gap in words.
export const gapWords = (gap: ItemGap, key: ItemRevealedGap = {}) => [
  ...(key.right ?? []).map((id) => gap.options?.find((o) => o.id === id)?.text ?? ""),
  ...(key.texts ?? []),
  ...(key.numbers ?? []),
];

// rightAnswerText is a key in words, as far as the options themselves do not show it.
export function rightAnswerText(item: Item, revealed: Revealed): string {
  const name = (id: string, list = item.options) => list?.find((o) => o.id === id)?.text ?? "";
  return [
    ...(revealed.texts ?? []),
    ...(revealed.numbers ?? []),
    ...(item.kind === "match"
      ? Object.entries(revealed.pairs ?? {}).map(([a, b]) => `${name(a)} – ${name(b, item.choices)}`)
      : []),
    ...(item.gaps ?? []).map((g) => gapWords(g, revealed.gaps?.[g.id])[0]),
    ...(item.kind === "order" ? [(revealed.order ?? []).map((id) => name(id)).join(" › ")] : []),
  ].join(" · ");
}

// outcomeOf is how an answer did: pupils of ten see a word, a sign and a colour.
export function outcomeOf(item: Item, answered: boolean, mark?: number): "none" | "right" | "part" | "wrong" | "" {
  if (item.kind === "poll" || item.kind === "slide" || item.kind === "draw") return "";
  if (!answered) return "none";
  if (mark === undefined) return "";
  return mark > 0.999 ? "right" : mark > 0 ? "part" : "wrong";
}

// isGraded reports whether answers to a question are right or wrong. A pin without a right place and a
// text without a right answer are open questions.
export const isGraded = (item: Item, key: Revealed) =>
  item.kind === "pin" ? !!key.regions?.length : item.kind !== "text" || !!key.texts?.length;
