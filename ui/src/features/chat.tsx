// The chat of a lesson, for pupils and staff.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Message, Room } from "../core/room";
import { Icon } from "../core/kit";
import { clock, t } from "../core/i18n";
import "./features.css";

const max = 2000;
type To = Message["to"];

interface Line extends Message {
  state: "" | "waiting" | "sent" | "saved"; // of an own one
}

// said is the messages of the room and, after them, own ones that the box has not shown.
function said(room: Room): Line[] {
  const me = room.me.value.user;
  const out = new Set(room.outbox.value.map((e) => e.id));
  const own = new Set<string>();
  const list = room.messages.value.map((m): Line => {
    const mine = m.by === me && m.id !== "";
    if (mine) own.add(m.id);
    return { ...m, state: !mine ? "" : out.has(m.id) ? "sent" : "saved" };
  });
  for (const e of room.outbox.value) {
    if (e.event !== "chat.say" || own.has(e.id)) continue;
    const { text, to } = e.payload as { text: string; to: To };
    list.push({ seq: 0, at: 0, by: me, id: e.id, text, to, state: "waiting" });
  }
  return list;
}

export function Chat({ room, staff = false }: { room: Room; staff?: boolean }) {
  const list = said(room);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [unseen, setUnseen] = useState(false);
  const last = list.at(-1);
  const mine = last?.by === room.me.value.user;

  const down = () => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
    setUnseen(false);
  };
  const scrolled = () => {
    const b = box.current!;
    atEnd.current = b.scrollHeight - b.scrollTop - b.clientHeight < 48;
    if (atEnd.current) setUnseen(false);
  };
  // Whoever reads further up is not pulled away, only told.
  useLayoutEffect(() => {
    if (atEnd.current || mine) down();
    else setUnseen(true);
  }, [last?.id, last?.seq, list.length]);
  // The keyboard of a phone makes the box smaller: the end stays in sight.
  useEffect(() => {
    if (typeof ResizeObserver === "undefined" || !box.current) return;
    const watch = new ResizeObserver(() => atEnd.current && down());
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);

  return (
    <section class="chat" aria-labelledby="chat-title">
      <h2 id="chat-title">{t("chat.title")}</h2>
      <div class="chat-log" role="log" aria-live="polite" aria-labelledby="chat-title" tabIndex={0} ref={box} onScroll={scrolled}>
        {list.length === 0 && <p class="empty">{t(staff ? "chat.empty.staff" : "chat.empty")}</p>}
        {list.map((m, i) => <Said key={m.id ? `${m.by} ${m.id}` : m.seq} m={m} room={room} follows={follows(list[i - 1], m)} />)}
      </div>
      {unseen && <button type="button" class="chat-new" onClick={down}><Icon name="down" />{t("chat.new")}</button>}
      <Composer room={room} staff={staff} />
    </section>
  );
}

// follows tells that a message needs no name of its own.
const follows = (before: Message | undefined, m: Message) =>
  !!before && before.by === m.by && before.to === m.to && (m.at === 0 || m.at - before.at < 120000);

function Said({ m, room, follows }: { m: Line; room: Room; follows: boolean }) {
  const own = m.by === room.me.value.user;
  const teacher = room.people.value.get(m.by)?.role === "teacher";
  return (
    <article class={`said${own ? " own" : ""}${teacher ? " teacher" : ""}${m.to === "teacher" ? " private" : ""}${follows ? " follows" : ""}`}>
      <p class={follows ? "visually-hidden" : "said-by"}>
        <bdi>{own ? t("chat.you") : room.name(m.by)}</bdi>
        {teacher && <span class="badge">{t("chat.teacher")}</span>}
        {m.to === "teacher" && <span class="badge lock"><Icon name="lock" />{t("chat.private")}</span>}
      </p>
      <p class="said-text" dir="auto">{m.text}</p>
      <p class="said-foot">
        {m.at > 0 && <time dateTime={new Date(m.at).toISOString()}>{clock(m.at)}</time>}
        {m.state && <span class={`tick ${m.state}`}><Icon name={m.state} />{t(`chat.${m.state}`)}</span>}
      </p>
    </article>
  );
}

// shut is why one cannot write, in words, or nothing.
function shut(room: Room, staff: boolean): string {
  if (room.lesson.value.ended) return t("chat.ended");
  if (staff) return "";
  if (room.muted.value.includes(room.me.value.user)) return t("chat.muted");
  return room.locks.value.chat ? t("chat.locked") : "";
}

function Composer({ room, staff }: { room: Room; staff: boolean }) {
  const [text, setText] = useState("");
  const [to, setTo] = useState<To>("all");
  const area = useRef<HTMLTextAreaElement>(null);
  const why = shut(room, staff);
  const ready = room.status.value === "live" || room.status.value === "offline";
  const say = () => {
    const line = text.trim();
    if (!line || why || !ready) return;
    room.send("chat.say", { text: line, to });
    setText("");
    area.current?.focus();
  };
  useLayoutEffect(() => {
    const a = area.current;
    if (!a) return;
    a.style.setProperty("height", "auto");
    a.style.setProperty("height", `${Math.min(a.scrollHeight + 2, 140)}px`);
  }, [text, why]);
  if (why) return <p class="chat-shut" role="status"><Icon name="lock" />{why}</p>;
  const left = max - [...text].length;
  return (
    <form class="composer" onSubmit={(e) => { e.preventDefault(); say(); }}>
      {!staff && (
        <fieldset class="to">
          <legend class="visually-hidden">{t("chat.to")}</legend>
          {(["all", "teacher"] as const).map((k) => (
            <label key={k}>
              <input type="radio" name="chat-to" value={k} checked={to === k} onChange={() => setTo(k)} />
              <span>{k === "teacher" && <Icon name="lock" />}{t(`chat.to.${k}`)}</span>
            </label>
          ))}
        </fieldset>
      )}
      <div class="composer-row">
        <textarea
          ref={area} rows={1} value={text} maxLength={max} dir="auto" aria-label={t(to === "teacher" ? "chat.label.teacher" : "chat.label")}
          placeholder={t(to === "teacher" ? "chat.label.teacher" : "chat.label")} enterkeyhint="send" autoComplete="off"
          onInput={(e) => setText(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
            e.preventDefault();
            say();
          }}
        />
        <button type="submit" class="primary send" disabled={!text.trim() || !ready} aria-label={t("chat.send")}><Icon name="send" /></button>
      </div>
      <small class="left" aria-live="polite">{left < 200 ? t("chat.left", { n: Math.max(0, left) }) : ""}</small>
    </form>
  );
}
