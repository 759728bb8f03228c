// The chat and the page of one group, for its members and for teachers.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Eraser, Send, Undo2 } from "lucide";
import { Button } from "../../../components/button";
import { MathText } from "../../../components/math-text";
import { type GroupsLine, maxChatText } from "../../../contract";
import { clock, t } from "../../../locales/i18n";
import type { Room } from "../../../state/room";
import { packPoints, type Stroke } from "../../../state/whiteboard";
import { InkLayer, InkStroke } from "../../whiteboard/board-surface";
import css from "./groups.module.css";

// longest is how many points a stroke has at most: its bytes keep below the box's limit.
const longest = 380;
const ratio = 0.75;
const pens = [0, 1, 2, 3];

// tools is what a teacher may do about a message.
interface Space {
  room: Room;
  group: string;
  staff?: boolean;
  tools?: (l: GroupsLine) => ComponentChildren;
}

export function GroupSpace({ room, group, staff, tools }: Space) {
  const live = room.status.value === "live";
  useEffect(() => room.groups.look(group), [group, live, room.groups.list.value]);
  return (
    <div class={css.space}>
      <GroupPage room={room} group={group} staff={staff} />
      <GroupChat room={room} group={group} staff={staff} tools={tools} />
    </div>
  );
}

function GroupPage({ room, group, staff }: Space) {
  const [color, setColor] = useState(staff ? 1 : 0);
  const open = room.groups.open.value;
  const strokes = room.groups.ink.value[group] ?? [];
  return (
    <section aria-label={t("groups.page")}>
      <Paper strokes={strokes} color={color} onDraw={open ? (s) => room.groups.draw(group, s) : undefined} />
      {open && (
        <div class={css.tools} role="toolbar" aria-label={t("groups.pen")}>
          {pens.map((c) => (
            <button
              key={c}
              type="button"
              class={css.pen}
              aria-pressed={color === c}
              aria-label={t(`groups.pen.${c}`)}
              title={t(`groups.pen.${c}`)}
              onClick={() => setColor(c)}
            >
              <i style={{ background: `var(--ink${c})` }} />
            </button>
          ))}
          <Button
            kind="quiet"
            icon={Undo2}
            mirrored
            label={t("groups.undo")}
            onClick={() => room.send("groups.undo", { group })}
          />
          {staff && (
            <Button
              kind="quiet"
              icon={Eraser}
              label={t("groups.clear")}
              onClick={() => room.send("groups.clear", { group })}
            />
          )}
        </div>
      )}
    </section>
  );
}

type Point = [number, number, number];

// Paper shows the ink and takes the pointer. A stroke goes out when the pen is up.
function Paper({ strokes, color, onDraw }: { strokes: Stroke[]; color: number; onDraw?: (s: Stroke) => void }) {
  const [now, show] = useState<Point[]>([]);
  const points = useRef(now); // what events see before the next drawing does
  const drawing = useRef(false);
  const set = (list: Point[]) => {
    points.current = list;
    show(list);
  };
  const add = (e: PointerEvent) => {
    const r = (e.currentTarget as Element).getBoundingClientRect();
    const x = ((e.clientX - r.left) / r.width) * 10000;
    const y = ((e.clientY - r.top) / r.height) * 10000;
    if (points.current.length < longest) set([...points.current, [x, y, e.pressure || 0.5]]);
  };
  const strokeOf = (id: string): Stroke => ({ id, tool: "pen", color, size: 3, points: packPoints(points.current) });
  const down = (e: PointerEvent) => {
    if (e.button !== 0 || !onDraw) return;
    drawing.current = true;
    (e.currentTarget as Element).setPointerCapture(e.pointerId);
    add(e);
  };
  const up = () => {
    if (!drawing.current) return;
    drawing.current = false;
    if (points.current.length) onDraw?.(strokeOf(crypto.getRandomValues(new Uint32Array(2)).join("-")));
    set([]);
  };
  return (
    <div
      class={onDraw ? `${css.paper} ${css.ready}` : css.paper}
      data-part="group-page"
      role="img"
      aria-label={t("groups.drawn", { n: strokes.length })}
      onPointerDown={down}
      onPointerMove={(e) => drawing.current && add(e)}
      onPointerUp={up}
      onPointerCancel={up}
    >
      <InkLayer ratio={ratio}>
        {strokes.map((s) => (
          <InkStroke key={s.id} stroke={s} ratio={ratio} />
        ))}
        {now.length > 0 && <InkStroke stroke={strokeOf("now")} ratio={ratio} />}
      </InkLayer>
    </div>
  );
}

// whyShut is why a pupil cannot write, in words, or nothing.
function whyShut(room: Room, staff?: boolean): string {
  if (!room.groups.open.value) return t("groups.closed");
  if (staff) return "";
  if (room.muted.value.includes(room.me.value.user)) return t("chat.muted");
  return room.locks.value.chat ? t("chat.locked") : "";
}

function GroupChat({ room, group, staff, tools }: Space) {
  const [text, setText] = useState("");
  const log = useRef<HTMLDivElement>(null);
  const me = room.me.value.user;
  const lines = room.groups.lines.value[group] ?? [];
  const own = new Set(lines.filter((l) => l.by === me).map((l) => l.id));
  const waiting = room.outbox.value.filter(
    (e) => e.event === "groups.say" && e.payload.group === group && !own.has(e.id),
  );
  const shown = [...lines, ...waiting.map((e) => ({ seq: 0, at: 0, by: me, id: e.id, text: String(e.payload.text) }))];
  useLayoutEffect(() => log.current?.scrollTo(0, log.current.scrollHeight), [shown.length]);
  const shut = whyShut(room, staff);
  const say = (e: Event) => {
    e.preventDefault();
    if (!text.trim()) return;
    room.send("groups.say", { group, text: text.trim() });
    setText("");
  };
  return (
    <section class={css.chat} aria-label={t("groups.chat")}>
      <div class={css.log} role="log" aria-label={t("groups.chat")} tabIndex={0} ref={log}>
        {shown.length === 0 && <p class={css.muted}>{t(staff ? "groups.chat.emptyStaff" : "groups.chat.empty")}</p>}
        {shown.map((l) => (
          <p key={l.seq || l.id} class={l.by === me ? `${css.line} ${css.own}` : css.line}>
            <b>
              <bdi>{l.by === me ? t("chat.you") : room.name(l.by)}</bdi>
            </b>{" "}
            {l.at > 0 && <time dateTime={new Date(l.at).toISOString()}>{clock(l.at)}</time>}
            {l.seq > 0 && tools?.(l)}
            <span dir="auto">
              <MathText text={l.text} />
            </span>
          </p>
        ))}
      </div>
      {shut ? (
        <p class={css.muted} role="status">
          {shut}
        </p>
      ) : (
        <form class={css.say} onSubmit={say}>
          <input
            value={text}
            maxLength={maxChatText}
            dir="auto"
            autoComplete="off"
            enterkeyhint="send"
            aria-label={t("groups.say")}
            placeholder={t("groups.say")}
            onInput={(e) => setText(e.currentTarget.value)}
          />
          <Button kind="primary" type="submit" icon={Send} mirrored label={t("chat.send")} disabled={!text.trim()} />
        </form>
      )}
    </section>
  );
}
