// The right answers in the gaps of a question with its key, as lists of questions show them.
import type { Authored } from "../../state/quiz";

// gapKeys has a line for each gap: its number and what is right in it.
export const gapKeys = ({ gaps, key }: Pick<Authored, "gaps" | "key">) =>
  (gaps ?? []).map((g, i) => {
    const k = key.gaps?.[g.id];
    const words = [
      ...(g.options ?? []).filter((o) => (k?.weights?.[o.id] ?? 0) > 0).map((o) => o.text),
      ...(k?.texts ?? []).filter((a) => a.weight > 0).map((a) => a.text),
      ...(k?.numbers ?? [])
        .filter((r) => r.weight > 0)
        .map((r) => (r.tolerance ? `${r.value} ± ${r.tolerance}` : String(r.value))),
    ];
    return { text: `${i + 1}. ${words.join(" / ")}`, right: true };
  });
