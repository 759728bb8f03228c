// Answers in words, as people read them who do not see the question's own way to answer.
import type { ItemGap } from "../../contract";
import { t } from "../../locales/i18n";
import type { Item, Option, Response } from "../../state/quiz";
import { optionsOf } from "./options";

export const nameOf = (id: string, list: Option[] = []) => {
  const o = list.find((x) => x.id === id);
  return o?.text || o?.image?.alt || id;
};

// gapText is what is in a gap: a text, or the words of an option.
export const gapText = (gap: ItemGap, given?: string) => (given ? nameOf(given, gap.options) : "–");

// responseText is an answer in words.
export function responseText(item: Item, r: Response): string {
  const options = optionsOf(item);
  if (r.text !== undefined) return r.text;
  if (r.order) return r.order.map((id) => nameOf(id, options)).join(" › ");
  if (r.pairs)
    return Object.entries(r.pairs)
      .map(([a, b]) => `${nameOf(a, options)} – ${nameOf(b, item.choices)}`)
      .join(" · ");
  if (r.gaps) return (item.gaps ?? []).map((g) => gapText(g, r.gaps![g.id])).join(" · ");
  if (r.pin) return t("quiz.pin.at", { x: Math.round(r.pin.x * 100), y: Math.round(r.pin.y * 100) });
  if (r.strokes) return t("quiz.draw.done");
  return (r.options ?? []).map((id) => nameOf(id, options)).join(" · ");
}

// foldAnswer is what two answers have in common that count as one. The box ignores capitals, spaces
// and marks of direction too.
export const foldAnswer = (text: string) =>
  text
    .normalize("NFKC")
    .replace(/\p{Cf}/gu, "")
    .toLowerCase()
    .trim()
    .replace(/\s+/g, " ");

// numberGaps puts the number of each gap before it, for a list below the text.
export function numberGaps(text: string): string {
  let n = 0;
  return text.replace(/_____/g, () => `(${t("stage.number", { n: ++n })}) _____`);
}
