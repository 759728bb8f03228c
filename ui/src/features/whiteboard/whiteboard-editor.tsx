// The board on the teacher's stage: what the class sees with a pen over it, or a preview that only
// the teacher sees.
import { useEffect, useRef, useState } from "preact/hooks";
import { ChevronLeft, ChevronRight, EyeOff, Presentation } from "lucide";
import { Button } from "../../components/button";
import { Chip } from "../../components/chip";
import { EmptyState } from "../../components/empty-state";
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import { packPoints, type Shown, type Stroke } from "../../state/whiteboard";
import { BoardSurface, InkLayer, InkStroke } from "./board-surface";
import { type Ink, InkTools } from "./ink-tools";
import css from "./whiteboard-editor.module.css";

// Preview is a page that the class does not see yet.
export interface Preview {
  deck: string;
  index: number;
}

export const surfaceOf = (p: Preview) => `d:${p.deck}:${p.index}`;

// previewedPage is null until the box has the deck in the lesson.
export function previewedPage(room: Room, p: Preview | null): Shown | null {
  const deck = p && room.board.decks.value.find((d) => d.deck === p.deck);
  const page = p && deck?.pages[p.index];
  return page && deck ? { ...page, deck: deck.deck, index: p.index, of: deck.pages.length } : null;
}

export function BoardStage({ room, preview }: { room: Room; preview: Preview | null }) {
  const [ink, setInk] = useState<Ink>({ tool: "pen", color: 1, size: 3 });
  const surface = room.board.surface.value;
  const page = previewedPage(room, preview);
  if (preview && page)
    return (
      <div class={css.board}>
        <div class={css.fit}>
          <div class={css.page} style={{ "--ratio": page.w / page.h }} data-part="preview">
            <BoardSurface room={room} surface={surfaceOf(preview)} page={page} width={1280} />
            <p class={css.note}>
              <Chip tone="brand" icon={EyeOff}>
                {t("board.preview")}
              </Chip>
            </p>
          </div>
        </div>
      </div>
    );
  if (!surface) return <EmptyState icon={Presentation}>{t("board.none")}</EmptyState>;
  return (
    <div class={css.board}>
      <InkTools room={room} ink={ink} onInk={setInk} />
      <div class={css.fit}>
        <Draw room={room} {...ink} />
      </div>
    </div>
  );
}

// PageTurner goes one page back or on; the remote has it too.
export function PageTurner({ page, turn }: { page: Shown | null; turn: (index: number) => void }) {
  if (!page) return null;
  return (
    <div class={css.turner}>
      <Button
        icon={ChevronLeft}
        mirrored
        label={t("board.back")}
        disabled={page.index === 0}
        onClick={() => turn(page.index - 1)}
      />
      <span>{t("board.page", { i: page.index + 1, of: page.of })}</span>
      <Button
        icon={ChevronRight}
        mirrored
        label={t("board.next")}
        disabled={page.index + 1 >= page.of}
        onClick={() => turn(page.index + 1)}
      />
    </div>
  );
}

// Draw takes the pointer. A stroke shows at once here and goes out when the pen is up.
function Draw({ room, tool, color, size }: Ink & { room: Room }) {
  const b = room.board;
  const surface = b.surface.value;
  const page = b.page.value;
  const box = useRef<HTMLDivElement>(null);
  const [now, show] = useState<[number, number, number][]>([]);
  const points = useRef(now); // what events see before the next drawing does
  const setNow = (list: [number, number, number][]) => {
    points.current = list;
    show(list);
  };
  const drawing = useRef(false);
  const pointed = useRef(0);
  useEffect(() => setNow([]), [surface]);
  const at = (e: PointerEvent): [number, number, number] => {
    const r = box.current!.getBoundingClientRect();
    return [((e.clientX - r.left) / r.width) * 10000, ((e.clientY - r.top) / r.height) * 10000, e.pressure || 0.5];
  };
  const point = (e: PointerEvent, on: boolean) => {
    if (on && Date.now() - pointed.current < 50) return;
    pointed.current = Date.now();
    const [x, y] = at(e).map((v) => Math.round(Math.min(10000, Math.max(0, v))));
    room.flash("board.point", { x, y, on });
  };
  const down = (e: PointerEvent) => {
    if (e.button !== 0) return;
    drawing.current = true;
    (e.currentTarget as Element).setPointerCapture(e.pointerId);
    if (tool === "laser") point(e, true);
    else setNow([at(e)]);
  };
  const move = (e: PointerEvent) => {
    if (!drawing.current) return;
    if (tool === "laser") return point(e, true);
    const list = points.current;
    setNow(
      tool === "pen" || tool === "marker" ? (list.length < 1990 ? [...list, at(e)] : list) : [list[0] ?? at(e), at(e)],
    );
  };
  const up = (e: PointerEvent) => {
    if (!drawing.current) return;
    drawing.current = false;
    if (tool === "laser") {
      pointed.current = 0;
      return point(e, false);
    }
    const shape = tool !== "pen" && tool !== "marker";
    const drawn = points.current;
    setNow([]);
    if (!drawn.length || (shape && drawn.length < 2)) return;
    const stroke: Stroke = {
      id: crypto.getRandomValues(new Uint32Array(2)).join("-"),
      tool,
      color,
      size,
      points: packPoints(drawn),
    };
    b.put(surface, [...(b.ink.value[surface] ?? []), stroke]);
    room.send("board.draw", { surface, stroke });
  };
  const ratio = page ? page.h / page.w : 0.75;
  return (
    <div
      ref={box}
      class={`${css.page} ${css.draw}`}
      data-part="draw"
      style={{ "--ratio": 1 / ratio }}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={up}
    >
      <BoardSurface room={room} surface={surface} page={page} width={1280}>
        {now.length > 0 && tool !== "laser" && (
          <InkLayer ratio={ratio}>
            <InkStroke stroke={{ id: "now", tool, color, size, points: packPoints(now) }} ratio={ratio} />
          </InkLayer>
        )}
      </BoardSurface>
    </div>
  );
}
