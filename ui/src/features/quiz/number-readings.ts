// A typed number that means a thousand in one country and one with three decimals in another.

// readings returns the two numbers that a text may mean, in the way of programs, or nothing if there
// is one. A sign that is the decimal one of the page's language is read as that. In Spanish an apostrophe may be
// either: "3'142".
export function readings(text: string, locale: string): [thousands: string, decimals: string] | undefined {
  const plain = [...text.normalize("NFKC")]
    .map((c) => (/\p{Nd}/u.test(c) ? String(digitValue(c)) : c === "،" ? "," : /[−‐‑‒–—﹣]/.test(c) ? "-" : c))
    .map((c) => (!/['’‘]/.test(c) ? c : locale.startsWith("es") ? "'" : ""))
    .filter((c) => !/[\s_٬\p{Cf}]/u.test(c))
    .join("");
  const found = /^([+-]?[1-9]\d{0,2})([.,'])(\d{3})$/.exec(plain);
  if (!found || found[2] === decimalSign(locale)) return undefined;
  return [found[1]! + found[3]!, String(Number(`${found[1]}.${found[3]}`))];
}

// findUnclear returns the first gap for a number whose text may mean two.
export function findUnclear(
  gaps: { id: string; kind: string }[],
  filled: { [id: string]: string },
  locale: string,
): { id: string; both: string[] } | undefined {
  for (const { id, kind } of gaps) {
    const both = kind === "numeric" ? readings(filled[id] ?? "", locale) : undefined;
    if (both) return { id, both };
  }
  return undefined;
}

// digitValue returns the value of a digit of any script: each has its ten in a row.
function digitValue(digit: string): number {
  let zero = digit.codePointAt(0)!;
  const at = zero;
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--;
  return (at - zero) % 10;
}

const decimalSign = (locale: string) =>
  new Intl.NumberFormat(locale).formatToParts(1.5).find((p) => p.type === "decimal")?.value;
