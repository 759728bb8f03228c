// A surface: a page image or a whiteboard, with ink as SVG over it.
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { t } from "../../locales/i18n";
import { imageURL, type Page, type Stroke, unpackPoints } from "../../state/whiteboard";
import type { Room } from "../../state/room";
import { strokeOutline } from "./stroke-outline";
import css from "./board-surface.module.css";

// BoardSurface draws a page of a deck, or a blank one of 4:3, and what is on it.
export function BoardSurface(props: {
  room: Pick<Room, "board">;
  surface: string;
  page: (Page & { deck: string; index: number; of: number }) | null;
  width: number;
  children?: ComponentChildren;
}) {
  const { room, surface, page, width, children } = props;
  const strokes = room.board.ink.value[surface] ?? [];
  const [w, h] = page ? [page.w, page.h] : [4, 3];
  const laser = surface === room.board.surface.value ? room.board.laser.value : null;
  const ratio = h / w;
  return (
    <figure class={css.surface} data-part="surface" style={{ "--ratio": w / h }}>
      {page ? (
        <img
          class={css.page}
          data-part="page"
          src={imageURL(page.deck, page, width)}
          alt={
            page.text
              ? t("board.alt", { i: page.index + 1, text: page.text })
              : t("board.page", { i: page.index + 1, of: page.of })
          }
        />
      ) : (
        <div class={css.page} data-part="page" data-blank role="img" aria-label={t("board.white")} />
      )}
      <InkLayer ratio={ratio}>
        {strokes.map((s) => (
          <InkStroke key={s.id} stroke={s} ratio={ratio} />
        ))}
        {laser && <circle class={css.laser} cx={laser.x} cy={laser.y * ratio} r="110" />}
      </InkLayer>
      {children}
    </figure>
  );
}

// InkLayer is a drawing over a page. ratio is its height by its width.
export const InkLayer = ({ ratio, children }: { ratio: number; children: ComponentChildren }) => (
  <svg
    class={css.ink}
    data-part="ink"
    viewBox={`0 0 10000 ${ratio * 10000}`}
    preserveAspectRatio="none"
    aria-hidden="true"
  >
    {children}
  </svg>
);

// InkStroke is one stroke. Points are in ten thousandths of both sides; the drawing's unit is
// that of the width.
export function InkStroke({ stroke: s, ratio }: { stroke: Stroke; ratio: number }) {
  const points = useMemo(
    () => unpackPoints(s.points).map(([x, y, p]): [number, number, number] => [x, y * ratio, p]),
    [s.points, ratio],
  );
  const wide = s.size * (s.tool === "marker" ? 60 : 18);
  const shared = {
    class: [css.stroke, !["pen", "marker"].includes(s.tool) && css.open, s.tool === "marker" && css.marker]
      .filter(Boolean)
      .join(" "),
    style: { "--ink": `var(--ink${s.color})` },
    "data-stroke": s.tool,
  };
  const none: [number, number, number] = [0, 0, 0];
  const a = points[0] ?? none;
  const b = points.at(-1) ?? none;
  switch (s.tool) {
    case "line":
      return <line {...shared} x1={a[0]} y1={a[1]} x2={b[0]} y2={b[1]} stroke-width={wide} />;
    case "rect":
      return (
        <rect
          {...shared}
          x={Math.min(a[0], b[0])}
          y={Math.min(a[1], b[1])}
          width={Math.abs(a[0] - b[0])}
          height={Math.abs(a[1] - b[1])}
          stroke-width={wide}
        />
      );
    case "ellipse":
      return (
        <ellipse
          {...shared}
          cx={(a[0] + b[0]) / 2}
          cy={(a[1] + b[1]) / 2}
          rx={Math.abs(a[0] - b[0]) / 2}
          ry={Math.abs(a[1] - b[1]) / 2}
          stroke-width={wide}
        />
      );
    case "arrow": {
      const turn = Math.atan2(b[1] - a[1], b[0] - a[0]);
      const head = [0.5, -0.5]
        .map((d) => `M${b[0]} ${b[1]}L${b[0] - 350 * Math.cos(turn + d)} ${b[1] - 350 * Math.sin(turn + d)}`)
        .join("");
      return <path {...shared} d={`M${a[0]} ${a[1]}L${b[0]} ${b[1]}${head}`} stroke-width={wide} />;
    }
  }
  return <path {...shared} d={strokeOutline(points, wide, s.tool === "pen")} />;
}
