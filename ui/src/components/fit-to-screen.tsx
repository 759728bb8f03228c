// FitToScreen holds what the projector shows, at the largest size at which all of it is in its box.
// --fit, 0 to 1, is that size. No word is broken while anything else helps.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

// layouts are tried in turn: two columns or one, then with hyphens, then with breaks anywhere for a
// word of 200 letters.
const layouts = [
  ["2", "normal", "manual"],
  ["1", "normal", "manual"],
  ["2", "normal", "auto"],
  ["1", "normal", "auto"],
  ["2", "anywhere", "auto"],
  ["1", "anywhere", "auto"],
] as const;
type Layout = (typeof layouts)[number];

// hyphensBelow is the size from which down hyphens are worth it.
const hyphensBelow = 0.35;

// largest is the greatest size from 0 to 1 that fits; -1: none does. The search ends within
// a hundredth.
function largest(box: HTMLElement): number {
  const fits = (size: number) => {
    box.style.setProperty("--fit", String(size));
    return box.scrollHeight <= box.clientHeight && box.scrollWidth <= box.clientWidth;
  };
  if (fits(1)) return 1;
  if (!fits(0)) return -1;
  let [low, high] = [0, 1];
  while (high - low > 0.01) {
    const size = (low + high) / 2;
    if (fits(size)) low = size;
    else high = size;
  }
  return low;
}

// scaleToFit finds the layout of the largest size.
function scaleToFit(box: HTMLElement) {
  const use = ([columns, wrap, hyphens]: Layout) => {
    box.dataset.columns = columns;
    box.dataset.hyphens = hyphens;
    box.style.overflowWrap = wrap;
  };
  let best: { layout: Layout; size: number } = { layout: layouts[5], size: -1 };
  for (const layout of layouts) {
    const [, wrap, hyphens] = layout;
    if (best.size >= (wrap === "anywhere" ? 0 : hyphens === "auto" ? hyphensBelow : 1)) break;
    use(layout);
    const size = largest(box);
    if (size > best.size) best = { layout, size };
  }
  use(best.layout);
  box.style.setProperty("--fit", String(Math.max(0, best.size)));
}

export function FitToScreen({ class: name, children }: { class: string; children: ComponentChildren }) {
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const box = ref.current!;
    const again = () => scaleToFit(box);
    const resized = new ResizeObserver(again); // begins with a call
    const changed = new MutationObserver(again);
    resized.observe(box);
    changed.observe(box, { childList: true, subtree: true, characterData: true });
    document.fonts?.addEventListener("loadingdone", again);
    return () => {
      resized.disconnect();
      changed.disconnect();
      document.fonts?.removeEventListener("loadingdone", again);
    };
  }, []);
  return (
    <div class={name} data-fit ref={ref}>
      {children}
    </div>
  );
}
