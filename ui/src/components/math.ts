// Formulas as MathML, by Temml. Import this file only through math-text.tsx, which loads it late.
import temml from "temml";

// drawFormula puts a formula into an element. A formula with a mistake changes nothing. Elements are
// made one by one and not from HTML, because the policy of the pages forbids style attributes.
export function drawFormula(place: HTMLElement, tex: string, block: boolean) {
  const made = document.createElement("span");
  try {
    temml.render(tex, made, { displayMode: block, throwOnError: true, wrap: "tex" });
  } catch {
    return;
  }
  place.replaceChildren(...made.childNodes);
}
