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

export function MathText({ text }: { text: string }) {
  if (!text.includes("$")) return <>{text}</>;
  return (
    <>
      {splitMath(text).map((part, n) =>
        typeof part === "string" ? part : <Formula key={`${n}${part.source}`} {...part} />,
      )}
    </>
  );
}
