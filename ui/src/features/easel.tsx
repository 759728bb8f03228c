// The teacher's board: pages and whiteboards, pen and shapes, the laser, and what pupils
// may turn to.
import { useEffect, useRef, useState } from "preact/hooks";
import { call, type Fault } from "../core/api";
import { image, pack, type Stroke } from "../core/board";
import { t } from "../core/i18n";
import { Failed, tellFault, useLoad } from "../core/kit";
import type { Room } from "../core/room";
import { Ink, Surface } from "./board";
import { Panel } from "./hands";
import { Job } from "./job";
import { Pick, Uploads, useDrop, useUploads } from "./upload";

type Tool = Stroke["tool"] | "laser";
const toolIcons: { [tool in Tool]: string } = { pen: "✎", marker: "▬", line: "╱", rect: "▭", ellipse: "◯", arrow: "↗", laser: "●" };
const tools = Object.keys(toolIcons) as Tool[];

// bring takes a deck of the box into the lesson and shows its first page.
const bring = (room: Room, deck: string) =>
  call("POST", `/api/lessons/${encodeURIComponent(room.lesson.value.id)}/deck`, { deck }).then(() => room.send("board.show", { surface: `d:${deck}:0` }), (f: Fault) => tellFault(f));

// useSlides makes decks of what is dropped anywhere on the console, and shows them when
// their pages are made.
function useSlides(room: Room) {
  const [making, setMaking] = useState<{ deck: string; job: string }[]>([]);
  const [ups, send] = useUploads((d) => d.job && setMaking((l) => [...l, { deck: d.id, job: d.job! }]));
  const over = useDrop(send);
  const status = (
    <>
      <Uploads list={ups} />
      {making.map((m) => (
        <Job key={m.job} id={m.job} over={(j) => {
          if (j.state !== "done") return;
          setMaking((l) => l.filter((x) => x.job !== m.job));
          void bring(room, m.deck);
        }} />
      ))}
    </>
  );
  return { over, send, status };
}

export function Easel({ room }: { room: Room }) {
  const { over, send, status } = useSlides(room);
  const b = room.board;
  const [tool, setTool] = useState<Tool>("pen");
  const [color, setColor] = useState(1);
  const [size, setSize] = useState(3);
  const surface = b.surface.value;
  const turn = (to: string) => room.send("board.show", { surface: to });
  return (
    <Panel id="easel" room={room} title={t("board.title")} tools={<Pick take={send} label={t("board.add")} />}>
      <div class={over ? "easel stack over" : "easel stack"}>
        {status}
        {surface ? <Draw room={room} tool={tool} color={color} size={size} /> : <p class="empty">{t("board.none")}</p>}
        {surface && (
          <div class="easel-tools" role="toolbar" aria-label={t("board.tools")}>
            {tools.map((k) => <button key={k} type="button" aria-pressed={tool === k} aria-label={t(`board.tool.${k}`)} title={t(`board.tool.${k}`)} onClick={() => setTool(k)}>{toolIcons[k]}</button>)}
            {[0, 1, 2, 3, 4].map((c) => <button key={c} type="button" aria-pressed={color === c} aria-label={t(`board.color.${c}`)} title={t(`board.color.${c}`)} onClick={() => setColor(c)}><span class={`ink-dot dot${c}`} /></button>)}
            <label class="visually-hidden" for="ink-size">{t("board.size")}</label>
            <select id="ink-size" value={String(size)} onChange={(e) => setSize(Number(e.currentTarget.value))}>{[1, 3, 5, 8].map((n) => <option key={n} value={String(n)}>{t(`board.size.${n}`)}</option>)}</select>
            <button type="button" onClick={() => room.send("board.undo", { surface })}>{t("board.undo")}</button>
            <button type="button" onClick={() => room.send("board.redo", { surface })}>{t("board.redo")}</button>
            <button type="button" onClick={() => room.send("board.clear", { surface })}>{t("board.clear")}</button>
          </div>
        )}
        <div class="row">
          <button type="button" onClick={() => turn(`w:${b.boards.value + 1}`)}>{t("board.new")}</button>
          {Array.from({ length: b.boards.value }, (_, i) => <button key={i} type="button" aria-pressed={surface === `w:${i + 1}`} onClick={() => turn(`w:${i + 1}`)}>{t("board.whiteN", { n: i + 1 })}</button>)}
          {surface && <button type="button" onClick={() => turn("")}>{t("board.hide")}</button>}
          <label class="check"><input type="checkbox" checked={!b.follow.value} onChange={(e) => room.send("board.follow", { on: !e.currentTarget.checked })} />{t("board.free")}</label>
        </div>
        <Turn room={room} turn={turn} />
        {b.decks.value.map((d) => (
          <div key={d.deck}>
            <h3><bdi>{d.title}</bdi></h3>
            <div class="thumbs">
              {d.pages.map((p, i) => (
                <button key={p.key} type="button" aria-pressed={surface === `d:${d.deck}:${i}`} aria-label={t("board.show", { i: i + 1, title: d.title })} onClick={() => turn(`d:${d.deck}:${i}`)}>
                  <img src={image(d.deck, p, 320)} alt="" loading="lazy" />
                </button>
              ))}
            </div>
          </div>
        ))}
        <Decks room={room} />
      </div>
    </Panel>
  );
}

// Turn goes one page back or on; the remote has it too.
export function Turn({ room, turn }: { room: Room; turn: (surface: string) => void }) {
  const p = room.board.page.value;
  if (!p) return null;
  return (
    <div class="browse">
      <button type="button" disabled={p.index === 0} onClick={() => turn(`d:${p.deck}:${p.index - 1}`)}>{t("quiz.back")}</button>
      <span class="muted">{t("board.page", { i: p.index + 1, of: p.of })}</span>
      <button type="button" disabled={p.index + 1 >= p.of} onClick={() => turn(`d:${p.deck}:${p.index + 1}`)}>{t("quiz.next")}</button>
    </div>
  );
}

// Decks brings a deck of the box into the lesson.
function Decks({ room }: { room: Room }) {
  const [list, fault, again] = useLoad(() => call<{ id: string; title: string; state: string }[]>("GET", "/api/decks"), [room.lesson.value.id]);
  if (fault) return <Failed fault={fault} retry={again} />;
  const rest = (list ?? []).filter((d) => d.state === "ready" && !room.board.decks.value.some((x) => x.deck === d.id));
  if (!rest.length) return null;
  return (
    <details class="launcher-more">
      <summary>{t("board.decks")}</summary>
      <ul class="questions">{rest.map((d) => <li key={d.id}><span><bdi>{d.title}</bdi></span><button type="button" aria-label={t("board.takeOne", { title: d.title })} onClick={() => void bring(room, d.id)}>{t("board.take")}</button></li>)}</ul>
    </details>
  );
}

// Draw takes the pointer. A stroke shows at once here and goes out when the pen is up.
function Draw({ room, tool, color, size }: { room: Room; tool: Tool; color: number; size: number }) {
  const b = room.board;
  const surface = b.surface.value;
  const page = b.page.value;
  const box = useRef<HTMLDivElement>(null);
  const [now, show] = useState<[number, number, number][]>([]);
  const points = useRef(now); // what events see before the next drawing does
  const setNow = (list: [number, number, number][]) => show((points.current = list));
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
    setNow(tool === "pen" || tool === "marker" ? (list.length < 1990 ? [...list, at(e)] : list) : [list[0] ?? at(e), at(e)]);
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
    const stroke: Stroke = { id: crypto.getRandomValues(new Uint32Array(2)).join("-"), tool, color, size, points: pack(drawn) };
    b.put(surface, [...(b.ink.value[surface] ?? []), stroke]);
    room.send("board.draw", { surface, stroke });
  };
  const ratio = page ? page.h / page.w : 0.75;
  return (
    <div ref={box} class="draw" onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={up}>
      <Surface room={room} surface={surface} page={page} width={1280}>
        {now.length > 0 && tool !== "laser" && (
          <svg class="surface-ink" viewBox={`0 0 10000 ${ratio * 10000}`} preserveAspectRatio="none" aria-hidden="true">
            <Ink stroke={{ id: "now", tool, color, size, points: pack(now) }} ratio={ratio} />
          </svg>
        )}
      </Surface>
    </div>
  );
}
