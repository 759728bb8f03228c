// Paths of the single page. A page that was left keeps nothing but what the box knows.
import { signal } from "@preact/signals";

export const path = signal(location.pathname);

addEventListener("popstate", () => (path.value = location.pathname));

export function go(to: string, replace = false) {
  if (to === location.pathname) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  path.value = location.pathname;
  scrollTo(0, 0);
  // A screen reader starts at the new page's heading, as after a real page load.
  requestAnimationFrame(() => document.querySelector<HTMLElement>("h1")?.focus());
}

// link is the onClick of an <a> that stays in the page.
export function link(e: MouseEvent) {
  const a = e.currentTarget as HTMLAnchorElement;
  if (e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0 || a.target) return;
  e.preventDefault();
  go(a.pathname);
}
