// ZoomView makes what is in it larger: by two fingers, a double tap, or the button. What is larger is
// moved by one finger or the arrow keys.
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { ZoomIn, ZoomOut } from "lucide";
import { Button } from "../../components/button";
import { t } from "../../locales/i18n";
import css from "./zoom-view.module.css";

const most = 4;
const doubleTap = 2.5;

interface View {
  k: number; // times as large
  x: number; // px from the left edge, 0 or less
  y: number;
}
interface Touch {
  x: number;
  y: number;
}

// zoomAt scales a view so that the place (x, y) of the window stays where it is, within the window.
export function zoomAt(v: View, to: number, x: number, y: number, w: number, h: number): View {
  const k = Math.min(most, Math.max(1, to));
  return keepWithin({ k, x: x - ((x - v.x) * k) / v.k, y: y - ((y - v.y) * k) / v.k }, w, h);
}

// keepWithin leaves no edge of the content inside the window.
export const keepWithin = ({ k, x, y }: View, w: number, h: number): View => ({
  k,
  x: Math.min(0, Math.max(w * (1 - k), x)),
  y: Math.min(0, Math.max(h * (1 - k), y)),
});

const arrows: { [key: string]: [number, number] } = {
  ArrowLeft: [1, 0],
  ArrowRight: [-1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

export function ZoomView({ children }: { children: ComponentChildren }) {
  const [view, setView] = useState<View>({ k: 1, x: 0, y: 0 });
  const box = useRef<HTMLDivElement>(null);
  const touches = useRef(new Map<number, Touch>());
  const tap = useRef({ at: 0, x: 0, y: 0 });
  const near = view.k > 1;

  const at = (e: PointerEvent): Touch => {
    const r = box.current!.getBoundingClientRect();
    return { x: e.clientX - r.left, y: e.clientY - r.top };
  };
  const zoom = (to: number, x?: number, y?: number) => {
    const { clientWidth: w, clientHeight: h } = box.current!;
    setView((v) => zoomAt(v, to, x ?? w / 2, y ?? h / 2, w, h));
  };
  const pan = (dx: number, dy: number) => {
    const { clientWidth: w, clientHeight: h } = box.current!;
    setView((v) => keepWithin({ k: v.k, x: v.x + dx, y: v.y + dy }, w, h));
  };
  const move = (e: PointerEvent) => {
    const had = touches.current.get(e.pointerId);
    if (!had) return;
    const now = at(e);
    const other = [...touches.current].find(([id]) => id !== e.pointerId)?.[1];
    touches.current.set(e.pointerId, now);
    if (other) {
      const grown =
        Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(had.x - other.x, had.y - other.y));
      zoom(view.k * grown, (now.x + other.x) / 2, (now.y + other.y) / 2);
    } else if (near) pan(now.x - had.x, now.y - had.y);
  };
  const down = (e: PointerEvent) => {
    touches.current.set(e.pointerId, at(e));
    const last = tap.current;
    const here = at(e);
    if (e.isPrimary && e.timeStamp - last.at < 300 && Math.hypot(here.x - last.x, here.y - last.y) < 30) {
      zoom(near ? 1 : doubleTap, here.x, here.y);
      tap.current = { at: 0, x: 0, y: 0 };
    } else tap.current = { at: e.timeStamp, ...here };
  };
  const up = (e: PointerEvent) => void touches.current.delete(e.pointerId);
  return (
    <div class={css.zoom}>
      <div
        ref={box}
        class={css.window}
        data-near={near || undefined}
        data-zoom={view.k}
        tabIndex={near ? 0 : undefined}
        role="group"
        aria-label={t("board.zoomed")}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={up}
        onPointerLeave={up}
        onKeyDown={(e) => {
          const by = near && arrows[e.key];
          if (!by) return;
          e.preventDefault();
          pan(60 * by[0], 60 * by[1]);
        }}
      >
        <div
          class={css.content}
          style={{ transform: near ? `translate(${view.x}px, ${view.y}px) scale(${view.k})` : "none" }}
        >
          {children}
        </div>
      </div>
      <div class={css.button}>
        <Button
          icon={near ? ZoomOut : ZoomIn}
          label={t(near ? "board.zoomOut" : "board.zoomIn")}
          onClick={() => zoom(near ? 1 : doubleTap)}
        />
      </div>
    </div>
  );
}
