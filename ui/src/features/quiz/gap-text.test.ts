import { describe, expect, it } from "vitest";
import type { Authored } from "../../state/quiz";
import { addGap, withoutGap, withText } from "./gap-text";

const wordsOf = (item: Authored) => item.gaps!.map((g) => item.key.gaps![g.id]!.texts?.[0]?.text);

const start = (text: string, ...words: string[]): Authored => ({
  id: "q1",
  kind: "gaps",
  text,
  points: 1,
  gaps: words.map((_, i) => ({ id: String(i + 1), kind: "text" as const })),
  key: { gaps: Object.fromEntries(words.map((w, i) => [String(i + 1), { texts: [{ text: w, weight: 1 }] }])) },
});

describe("gaps keep their answers while the text changes", () => {
  const cat = start("The cat _____ on the _____ today.", "sat", "mat");
  for (const [what, text, words] of [
    ["words change", "The big cat _____ on the _____ today!", ["sat", "mat"]],
    ["all words change", "A dog ___ under a ____.", ["sat", "mat"]],
    ["a gap is written at the start", "The ___ cat _____ on the _____ today.", ["", "sat", "mat"]],
    ["a gap is written between", "The cat _____ on ___ the _____ today.", ["sat", "", "mat"]],
    ["a gap is written at the end", "The cat _____ on the _____ today. ___", ["sat", "mat", ""]],
    ["the first goes", "The cat  on the _____ today.", ["mat"]],
    ["the last goes", "The cat _____ on the  today.", ["sat"]],
    ["all go", "", []],
    ["two underscores are no gap", "The cat _____ on the __ today.", ["sat"]],
  ] as const)
    it(what, () => {
      const got = withText(cat, text);
      expect(got.text).toBe(text);
      expect(wordsOf(got)).toEqual(words);
      expect(Object.keys(got.key.gaps!)).toEqual(words.map((_, i) => String(i + 1)));
    });

  it("a gap that is typed one sign at a time stays one", () => {
    let item = start("A dog  loudly.");
    for (const n of [1, 2, 3, 4, 5]) item = withText(item, `A dog ${"_".repeat(n)} loudly.`);
    expect(wordsOf(item)).toEqual([""]);
  });

  it("a selected word becomes the answer of its gap", () => {
    const got = addGap(cat, 4, 7);
    expect(got.text).toBe("The _____ _____ on the _____ today.");
    expect(wordsOf(got)).toEqual(["cat", "sat", "mat"]);
  });

  it("a gap at the cursor has room around it", () => {
    expect(addGap(start("One.Two"), 3, 3).text).toBe("One _____.Two");
    expect(addGap(start(""), 0, 0).text).toBe("_____");
  });

  it("a gap that is taken out leaves the others", () => {
    const got = withoutGap(cat, 0);
    expect(got.text).toBe("The cat  on the _____ today.");
    expect(wordsOf(got)).toEqual(["mat"]);
  });

  it("other kinds have no gaps", () => {
    const slide: Authored = { id: "s", kind: "slide", text: "a", points: 0, key: {} };
    expect(withText(slide, "___")).toEqual({ ...slide, text: "___" });
  });
});
