// A drawing on a blank sheet or on a picture: a few pens, two sizes, undo and clear.
import { useRef, useState } from "preact/hooks";
import { Trash2, Undo2 } from "lucide";
import { Button } from "../../components/button";
import type { ItemImage, ItemStroke } from "../../contract";
import { t } from "../../locales/i18n";
import { packPoints } from "../../state/whiteboard";
import { InkStroke } from "../whiteboard/board-surface";
import { AnswerForm, type Answering, Hint, SendAnswer, useDraft } from "./answering";
import { ItemPicture } from "./item-picture";
import css from "./answer-draw.module.css";

// The box accepts so many lines and so many bytes of points.
const maxLines = 200;
const maxBytes = 12 << 10;
const pens = [0, 1, 2, 3];
const sizes = [3, 8];
const step = 40; // the least distance of two points, in ten thousandths

type Point = [number, number, number];

// Drawing shows strokes on their sheet.
export function Drawing({ strokes, image }: { strokes: ItemStroke[]; image?: ItemImage }) {
  const ratio = image ? image.h / image.w : 0.75;
  return (
    <>
      {image && <ItemPicture image={image} />}
      <svg class={css.ink} viewBox={`0 0 10000 ${ratio * 10000}`} preserveAspectRatio="none" aria-hidden="true">
        {strokes.map((s, n) => (
          <InkStroke key={n} stroke={{ ...s, id: "", tool: "pen" }} ratio={ratio} />
        ))}
      </svg>
    </>
  );
}

export function AnswerDraw({ item, mine, shut, send }: Answering) {
  const [draft, set, changed] = useDraft<ItemStroke[]>(mine?.strokes ?? []);
  const [pen, setPen] = useState({ color: 0, size: 3 });
  const [line, setLine] = useState<Point[]>([]);
  const points = useRef<Point[]>([]); // of the line at hand: pointers move more often than the page is drawn
  const past = useRef<ItemStroke[][]>([]);
  const used = draft.reduce((sum, s) => sum + s.points.length, 0);
  const full = draft.length >= maxLines || used > maxBytes - 400;
  const place = (e: PointerEvent & { currentTarget: HTMLElement }): Point => {
    const r = e.currentTarget.getBoundingClientRect();
    return [
      (10000 * (e.clientX - r.left)) / r.width,
      (10000 * (e.clientY - r.top)) / r.height,
      e.pointerType === "pen" ? e.pressure : 0.5,
    ];
  };
  const change = (next: ItemStroke[]) => {
    past.current.push(draft);
    set(next);
  };
  const end = () => {
    if (!points.current.length) return;
    change([...draft, { ...pen, points: packPoints(points.current) }]);
    points.current = [];
    setLine([]);
  };
  const move = (e: PointerEvent & { currentTarget: HTMLElement }) => {
    const last = points.current.at(-1);
    if (!last) return;
    const p = place(e);
    if (Math.hypot(p[0] - last[0], p[1] - last[1]) < step) return;
    points.current.push(p);
    setLine([...points.current]);
    if (used + 12 * points.current.length > maxBytes - 200) end();
  };
  return (
    <AnswerForm onSend={() => draft.length > 0 && send({ strokes: draft })}>
      {!shut && (
        <div class={css.pens} role="toolbar" aria-label={t("quiz.draw.pens")}>
          {pens.map((color) => (
            <button
              key={color}
              type="button"
              class={css.pen}
              aria-pressed={pen.color === color}
              aria-label={t(`quiz.draw.pen${color}`)}
              onClick={() => setPen({ ...pen, color })}
            >
              <i style={{ background: `var(--ink${color})` }} />
            </button>
          ))}
          <span class={css.gap} />
          {sizes.map((size, n) => (
            <button
              key={size}
              type="button"
              class={css.pen}
              aria-pressed={pen.size === size}
              aria-label={t(n ? "quiz.draw.thick" : "quiz.draw.thin")}
              onClick={() => setPen({ ...pen, size })}
            >
              <b class={n ? css.thick : css.thin} />
            </button>
          ))}
          <Button
            kind="quiet"
            icon={Undo2}
            mirrored
            label={t("undo")}
            disabled={!past.current.length}
            onClick={() => set(past.current.pop() ?? [])}
          />
          <Button
            kind="quiet"
            icon={Trash2}
            label={t("quiz.draw.clear")}
            disabled={!draft.length}
            onClick={() => change([])}
          />
        </div>
      )}
      <div
        class={css.sheet}
        data-sheet=""
        role="img"
        aria-label={t("quiz.draw.sheet", { n: draft.length })}
        data-shut={shut || undefined}
        onPointerDown={(e) => {
          if (shut || full || points.current.length || e.button) return;
          e.preventDefault();
          e.currentTarget.setPointerCapture(e.pointerId);
          points.current = [place(e)];
          setLine(points.current);
        }}
        onPointerMove={move}
        onPointerUp={end}
        onPointerCancel={end}
        style={item.image ? undefined : { aspectRatio: "4 / 3" }}
      >
        <Drawing
          strokes={line.length ? [...draft, { ...pen, points: packPoints(line) }] : draft}
          image={item.image && { ...item.image, alt: "" }}
        />
      </div>
      <Hint live>{full && !shut && t("quiz.draw.full")}</Hint>
      <SendAnswer shut={shut} ready={draft.length > 0} changed={changed} sent={!!mine} />
    </AnswerForm>
  );
}
