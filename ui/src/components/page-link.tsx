import type { AnchorHTMLAttributes } from "preact";
import { link } from "../state/router";

// PageLink leads to another page of the box without loading the document again.
export const PageLink = (props: AnchorHTMLAttributes<HTMLAnchorElement>) => (
  // biome-ignore lint/a11y/useValidAnchor: the href is in the props, and it works without the script too
  // biome-ignore lint/a11y/useKeyWithClickEvents: Enter on a link is a click too
  // biome-ignore lint/a11y/noStaticElementInteractions: a link with a href is interactive
  <a {...props} onClick={link} />
);
