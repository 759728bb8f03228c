// MathText shows a text of a quiz with its formulas: "the area is $\pi r^2$". A text without "$"
// costs nothing. The first formula on a page loads the part that draws formulas. Until then, and
// where the browser has no MathML or the formula has a mistake, the formula shows as it is written.
//
// A formula is between "$" and "$", or on its own line between "$$" and "$$". "\$" is a plain sign,
// and so is a sign before a number, as in "$5 and $6".
import { useEffect, useRef } from "preact/hooks";

export type MathPart = string | { tex: string; block: boolean; source: string };

const marked = /\\\$|\$\$([^$]+)\$\$|\$((?:\\.|[^\\$\s])(?:(?:\\.|[^\\$])*(?:\\.|[^\\$\s]))?)\$(?!\d)/g;

// splitMath splits a text into plain parts and formulas.
export function splitMath(text: string): MathPart[] {
  const parts: MathPart[] = [];
  let plain = "";
  let end = 0;
  for (const m of text.matchAll(marked)) {
    plain += text.slice(end, m.index);
    end = m.index + m[0].length;
    const tex = m[1] ?? m[2];
    if (tex === undefined) {
      plain += "$";
      continue;
    }
    if (plain) parts.push(plain);
    plain = "";
    parts.push({ tex, block: m[1] !== undefined, source: m[0] });
  }
  plain += text.slice(end);
  if (plain) parts.push(plain);
  return parts;
}

function Formula({ tex, block, source }: Exclude<MathPart, string>) {
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (typeof MathMLElement === "undefined") return;
    void import("./math").then(
      (m) => place.current && m.drawFormula(place.current, tex, block),
      () => {}, // the formula stays as it is written
    );
  }, []);
  return (
    <span ref={place} dir="ltr" data-formula={source}>
      {source}
    </span>
  );
}

// shortenMath cuts parts to most characters, between two words. It never cuts a formula.
export function shortenMath(parts: MathPart[], most: number): MathPart[] {
  let left = most;
  const kept: MathPart[] = [];
  for (const part of parts) {
    const long = typeof part === "string" ? part.length : part.source.length;
    if (long > left && typeof part === "string") {
      const cut = part.slice(0, left);
      return [...kept, `${cut.slice(0, Math.max(cut.lastIndexOf(" "), left / 2))}…`];
    }
    if (long > left && kept.length > 0) return [...kept, "…"];
    kept.push(part);
    left -= long;
  }
  return kept;
}

// MathText shows the text. With most it shows about so many characters of it.
export function MathText({ text, most = Infinity }: { text: string; most?: number }) {
  if (!text.includes("$") && text.length <= most) return <>{text}</>;
  return (
    <>
      {shortenMath(splitMath(text), most).map((part, n) =>
        typeof part === "string" ? part : <Formula key={`${n}${part.source}`} {...part} />,
      )}
    </>
  );
}
