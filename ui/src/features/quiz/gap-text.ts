// A text with gaps while it is written: three or more underscores are a gap, and each gap keeps its
// answers when the text around it changes.
import type { ItemGap, ItemGapKey } from "../../contract";
import type { Authored } from "../../state/quiz";

export const blank = "_____";

const blankPattern = /_{3,}/;

interface FullGap {
  gap: Omit<ItemGap, "id">;
  key: ItemGapKey;
}

const newGap = (word: string): FullGap => ({ gap: { kind: "text" }, key: { texts: [{ text: word, weight: 1 }] } });

// withGaps returns a question with these gaps, which are named by their places.
export const withGaps = (item: Authored, list: FullGap[]): Authored => ({
  ...item,
  gaps: list.map((g, i) => ({ ...g.gap, id: String(i + 1) })),
  key: { ...item.key, gaps: Object.fromEntries(list.map((g, i) => [String(i + 1), g.key])) },
});

export const listGaps = (item: Authored): FullGap[] =>
  (item.gaps ?? []).map((gap) => ({ gap, key: item.key.gaps?.[gap.id] ?? {} }));

// withText returns a question with another text. Gaps before and after the change stay, and a gap
// that appears is new: word is its answer.
export function withText(item: Authored, text: string, word = ""): Authored {
  const next = { ...item, text };
  if (item.kind !== "gaps") return next;
  const [was, is] = [item.text.split(blankPattern), text.split(blankPattern)];
  const gaps = listGaps(item);
  const most = Math.min(was.length, is.length) - 1;
  let before = 0;
  while (before < most && was[before] === is[before]) before++;
  let after = 0;
  while (after < most - before && was.at(-1 - after) === is.at(-1 - after)) after++;
  if (was.length === is.length) return withGaps(next, gaps);
  const between = Array.from({ length: is.length - 1 - before - after }, () => newGap(word));
  return withGaps(next, [...gaps.slice(0, before), ...between, ...gaps.slice(gaps.length - after)]);
}

// withoutGap takes a gap out of the text.
export function withoutGap(item: Authored, i: number): Authored {
  let n = 0;
  const text = item.text.replace(/_{3,}/g, (run) => (n++ === i ? "" : run));
  return withGaps(
    { ...item, text },
    listGaps(item).filter((_, j) => j !== i),
  );
}

// addGap puts a gap in the place of a selection, whose words become its answer.
export function addGap(item: Authored, from: number, to: number): Authored {
  const [before, word, after] = [item.text.slice(0, from), item.text.slice(from, to), item.text.slice(to)];
  const space = (s: string, near: boolean) => (s && near && !/[\s_]/.test(s) ? " " : "");
  const left = space(before.slice(-1), !word);
  const right = space(after.slice(0, 1), !word && !/^[.,;:!?]/.test(after));
  return withText(item, before + left + blank + right + after, blankPattern.test(word) ? "" : word.trim());
}
