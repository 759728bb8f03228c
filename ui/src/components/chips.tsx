import { type ComponentChildren, toChildArray } from "preact";
import css from "./chips.module.css";

// Chips is a list of chips. One with a label may be long: it scrolls.
export const Chips = ({ label, children }: { label?: string; children: ComponentChildren }) => (
  <ul class={label ? `${css.chips} ${css.long}` : css.chips} aria-label={label} tabIndex={label ? 0 : undefined}>
    {toChildArray(children).map((chip, n) => (
      <li key={n}>{chip}</li>
    ))}
  </ul>
);
