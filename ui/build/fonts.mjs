// Cuts the fonts of src/fonts to the weights 400 to 700 and to the characters of the languages of
// the pages. To run it again:
//
//	npm install --no-save subset-font@2.9.0 @fontsource-variable/lexend@5.3.0 @fontsource-variable/vazirmatn@5.3.0
//	node build/fonts.mjs
import { readFileSync, writeFileSync } from "node:fs";
import subsetFont from "subset-font";

const latin = [
  [0x20, 0x7e], [0xa0, 0xff], [0x131, 0x131], [0x152, 0x153], [0x2009, 0x2009], [0x2010, 0x2015], [0x2018, 0x201e], [0x2020, 0x2022], [0x2026, 0x2026],
  [0x202f, 0x202f], [0x2030, 0x2030], [0x2039, 0x203a], [0x20ac, 0x20ac], [0x2122, 0x2122], [0x2190, 0x2193], [0x2212, 0x2212], [0x2215, 0x2215],
];
const arabic = [[0x20, 0x20], [0x600, 0x6ff], [0x200c, 0x200f], [0x2010, 0x2011]];

async function cutFont(font, script, ranges, to) {
  const text = ranges.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => String.fromCodePoint(a + i))).join("");
  const source = readFileSync(`node_modules/@fontsource-variable/${font}/files/${font}-${script}-wght-normal.woff2`);
  const cut = await subsetFont(source, text, { targetFormat: "woff2", variationAxes: { wght: { min: 400, max: 700, default: 400 } } });
  writeFileSync(`src/fonts/${to}`, cut);
  console.log(to, cut.length, "bytes");
}

await cutFont("lexend", "latin", latin, "sans-latin.woff2");
await cutFont("vazirmatn", "arabic", arabic, "sans-arabic.woff2");
