import type { ComponentChildren } from "preact";
import css from "./sticky-actions.module.css";

// StickyActions are the buttons under a long preview. They stay in sight while it scrolls.
export const StickyActions = ({ children }: { children: ComponentChildren }) => (
  <div class={css.actions}>{children}</div>
);
