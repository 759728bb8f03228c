// plainMath writes a text with formulas in plain characters, for places that hold no drawing: a menu
// or a tooltip. "Half of $\frac{1}{2}\pi r^2$" becomes "Half of 1/2πr²".
import { splitMath } from "./math-text";

const signs: { [name: string]: string } = {
  alpha: "α",
  beta: "β",
  gamma: "γ",
  delta: "δ",
  Delta: "Δ",
  theta: "θ",
  lambda: "λ",
  mu: "µ",
  pi: "π",
  rho: "ρ",
  sigma: "σ",
  phi: "φ",
  omega: "ω",
  Omega: "Ω",
  times: "×",
  cdot: "·",
  div: "÷",
  pm: "±",
  le: "≤",
  leq: "≤",
  ge: "≥",
  geq: "≥",
  ne: "≠",
  neq: "≠",
  approx: "≈",
  infty: "∞",
  to: "→",
  rightarrow: "→",
  sum: "∑",
  int: "∫",
};
const above = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ";
const below = "₀₁₂₃₄₅₆₇₈₉₊₋ₙ";

// raise writes a power or an index with small characters where all of it has them.
function raise(inner: string, small: string, mark: string): string {
  const at = [...inner].map((c) => "0123456789+-n".indexOf(c));
  if (at.includes(-1)) return inner.length > 1 ? `${mark}(${inner})` : mark + inner;
  return at.map((i) => small[i]).join("");
}

const group = (inner: string) => (/^\w*$/.test(inner) ? inner : `(${inner})`);

function plainFormula(tex: string): string {
  let text = tex
    .replace(/\^(\{\\circ\}|\\circ)/g, "°")
    .replace(/\\(left|right|,|;|!|quad)(?![a-zA-Z])/g, "")
    .replace(/\\([a-zA-Z]+)( (?=[a-zA-Z]))?/g, (all, name, space = "") =>
      signs[name] ? signs[name] + (/\p{L}/u.test(signs[name]) ? "" : space) : all,
    );
  for (let was = ""; was !== text; ) {
    was = text; // from the innermost braces outwards
    text = text
      .replace(/\\[dt]?frac *\{([^{}]*)\} *\{([^{}]*)\}/g, (_, a, b) => `${group(a)}/${group(b)}`)
      .replace(/\\sqrt *\{([^{}]*)\}/g, (_, a) => `√${group(a)}`)
      .replace(/\\(?:text|mathrm|mathbf|operatorname) *\{([^{}]*)\}/g, "$1")
      .replace(/\^(?:\{([^{}]*)\}|([^{}\\]))/g, (_, a, b) => raise(a ?? b, above, "^"))
      .replace(/_(?:\{([^{}]*)\}|([^{}\\]))/g, (_, a, b) => raise(a ?? b, below, "_"));
  }
  return text
    .replace(/[{}\\]/g, "")
    .replace(/\s+/g, " ")
    .trim();
}

export const plainMath = (text: string) =>
  text.includes("$")
    ? splitMath(text)
        .map((p) => (typeof p === "string" ? p : plainFormula(p.tex)))
        .join("")
    : text;
