import { describe, expect, it } from "vitest";
import { plainMath } from "./math-plain";
import { type MathPart, shortenMath, splitMath } from "./math-text";

// show writes formulas as <tex> and formulas of their own line as <<tex>>.
const show = (parts: MathPart[]) =>
  parts.map((p) => (typeof p === "string" ? p : p.block ? `<<${p.tex}>>` : `<${p.tex}>`)).join("|");

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
    it(text || "an empty text", () => expect(show(splitMath(text))).toBe(want));
});

describe("shortenMath", () => {
  for (const [text, most, want] of [
    ["Short", 90, "Short"],
    ["A text of some words", 12, "A text of…"],
    ["Solve $x^2 = 4$ for $x$.", 8, "Solve |…"],
    ["Solve $x^2 = 4$ for $x$.", 18, "Solve |<x^2 = 4>| …"],
    ["$\\frac{1}{2}$", 3, "<\\frac{1}{2}>"],
  ] as const)
    it(text + most, () => expect(show(shortenMath(splitMath(text), most))).toBe(want));
});

describe("plainMath", () => {
  for (const [text, want] of [
    ["no formula, $5 or $6", "no formula, $5 or $6"],
    ["Half of $\\frac{1}{2}\\pi r^2$", "Half of 1/2πr²"],
    ["$\\sqrt{b^2 - 4ac} \\ge 0$", "√(b² - 4ac) ≥ 0"],
    ["$x_{10} \\times 10^{-3}$", "x₁₀ × 10⁻³"],
    ["$\\text{H}_2\\text{O}$", "H₂O"],
    ["$e^{\\frac{x}{2}}$", "e^(x/2)"],
    ["$\\sin \\alpha = 90^\\circ$", "sin α = 90°"],
  ] as const)
    it(text, () => expect(plainMath(text)).toBe(want));
});
