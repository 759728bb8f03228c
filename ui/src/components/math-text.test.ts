import { describe, expect, it } from "vitest";
import { splitMath } from "./math-text";

// show writes formulas as <tex> and formulas of their own line as <<tex>>.
const show = (text: string) =>
  splitMath(text)
    .map((p) => (typeof p === "string" ? p : p.block ? `<<${p.tex}>>` : `<${p.tex}>`))
    .join("|");

describe("splitMath", () => {
  for (const [text, want] of [
    ["no formula", "no formula"],
    ["", ""],
    ["Solve $x^2 = 4$ for $x$.", "Solve |<x^2 = 4>| for |<x>|."],
    ["$$\\sum_{i=1}^n i$$ is the sum", "<<\\sum_{i=1}^n i>>| is the sum"],
    ["It costs \\$5, not \\$x$.", "It costs $5, not $x$."],
    ["$a \\$ b$", "<a \\$ b>"],
    ["Tickets are $5 and $6", "Tickets are $5 and $6"],
    ["US$5 or CA$7", "US$5 or CA$7"],
    ["$ not a formula $", "$ not a formula $"],
    ["only one $ sign", "only one $ sign"],
    ["$\\frac{1}{2}$", "<\\frac{1}{2}>"],
  ] as const)
    it(text || "an empty text", () => expect(show(text)).toBe(want));
});
