// The chat of a lesson, for pupils and staff.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { ArrowRight, Reply, Send, X } from "lucide";
import { Button } from "../../components/button";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { maxChatText } from "../../contract";
import type { Message, Room } from "../../state/room";
import { NamedIcon } from "../../components/named-icon";
import { clock, t } from "../../locales/i18n";
import css from "./chat.module.css";

const max = maxChatText;
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
    const { text, to, user, re } = e.payload as { text: string; to: To; user?: string; re?: number };
    list.push({ seq: 0, at: 0, by: me, id: e.id, text, to, user, re, state: "waiting" });
  }
  return list;
}

// onClose is for a chat that is a drawer; tools are what a teacher may do about a message.
export function Chat({
  room,
  staff = false,
  onClose,
  tools,
}: {
  room: Room;
  staff?: boolean;
  onClose?: () => void;
  tools?: (m: Message, reply: (m: Message) => void) => ComponentChildren;
}) {
  const list = said(room);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [unseen, setUnseen] = useState(false);
  const [reply, setReply] = useState<Message | null>(null);
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
  // A person who reads older messages is told of new ones, and the list does not scroll.
  useLayoutEffect(() => {
    if (atEnd.current || mine) down();
    else setUnseen(true);
  }, [last?.id, last?.seq, list.length]);
  // The keyboard of a phone makes the box smaller, and a formula or a font makes messages taller when
  // it is there: the end stays in sight.
  useEffect(() => {
    if (typeof ResizeObserver === "undefined" || !box.current) return;
    const watch = new ResizeObserver(() => atEnd.current && down());
    for (const e of [box.current, ...[...box.current.children].slice(-9)]) watch.observe(e);
    return () => watch.disconnect();
  }, [list.length]);

  return (
    <section class={css.chat} aria-labelledby="chat-title">
      <div class={css.head}>
        <h2 id="chat-title">{t("chat.title")}</h2>
        {onClose && <Button kind="quiet" icon={X} label={t("close")} onClick={onClose} />}
      </div>
      <div
        class={css.log}
        role="log"
        aria-live="polite"
        aria-labelledby="chat-title"
        tabIndex={0}
        ref={box}
        onScroll={scrolled}
      >
        {list.length === 0 && <p class={css.empty}>{t(staff ? "chat.empty.staff" : "chat.empty")}</p>}
        {list.map((m, i) => (
          <Said
            key={m.id ? `${m.by} ${m.id}` : m.seq}
            m={m}
            room={room}
            follows={follows(list[i - 1], m)}
            tools={m.seq > 0 && tools?.(m, setReply)}
          />
        ))}
      </div>
      {unseen && (
        <button type="button" class={css.unseen} onClick={down}>
          <NamedIcon name="down" />
          {t("chat.new")}
        </button>
      )}
      <Composer room={room} staff={staff} reply={reply} onReply={setReply} />
    </section>
  );
}

// follows tells that a message needs no name of its own.
const follows = (before: Message | undefined, m: Message) =>
  !!before &&
  before.by === m.by &&
  before.to === m.to &&
  before.user === m.user &&
  (m.at === 0 || m.at - before.at < 120000);

function Said({ m, room, follows, tools }: { m: Line; room: Room; follows: boolean; tools: ComponentChildren }) {
  const own = m.by === room.me.value.user;
  const teacher = room.people.value.get(m.by)?.role === "teacher";
  return (
    <article
      class={[css.said, own && css.own, teacher && css.teacher, m.to !== "all" && css.private, follows && css.follows]
        .filter(Boolean)
        .join(" ")}
    >
      <p class={follows ? "visually-hidden" : css.by}>
        <bdi>{own ? t("chat.you") : room.name(m.by)}</bdi>
        {teacher && <span class={css.badge}>{t("chat.teacher")}</span>}
        {m.user && m.user !== room.me.value.user && (
          <>
            <Icon icon={ArrowRight} mirrored />
            <bdi>{room.name(m.user)}</bdi>
          </>
        )}
        {m.to !== "all" && (
          <span class={css.badge}>
            <NamedIcon name="lock" />
            {t(m.to === "pupil" ? "chat.privateReply" : "chat.private")}
          </span>
        )}
      </p>
      <p class={css.text} dir="auto">
        <MathText text={m.text} />
      </p>
      <p class={css.foot}>
        {m.at > 0 && <time dateTime={new Date(m.at).toISOString()}>{clock(m.at)}</time>}
        {m.state && (
          <span class={css.tick} data-state={m.state}>
            <NamedIcon name={m.state} />
            {t(`chat.${m.state}`)}
          </span>
        )}
        {tools}
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

function Composer({
  room,
  staff,
  reply,
  onReply,
}: {
  room: Room;
  staff: boolean;
  reply: Message | null;
  onReply: (m: Message | null) => void;
}) {
  const [text, setText] = useState("");
  const [to, setTo] = useState<To>("all");
  const area = useRef<HTMLTextAreaElement>(null);
  const why = shut(room, staff);
  const ready = room.status.value === "live" || room.status.value === "offline";
  const say = () => {
    const line = text.trim();
    if (!line || why || !ready) return;
    room.send("chat.say", reply ? { text: line, to: "pupil", user: reply.by, re: reply.seq } : { text: line, to });
    onReply(null);
    setText("");
    area.current?.focus();
  };
  useLayoutEffect(() => {
    const a = area.current;
    if (!a) return;
    a.style.setProperty("height", "auto");
    a.style.setProperty("height", `${Math.min(a.scrollHeight + 2, 140)}px`);
  }, [text, why]);
  useEffect(() => {
    if (reply) area.current?.focus();
  }, [reply]);
  const label = reply
    ? t("chat.reply", { name: room.name(reply.by) })
    : t(to === "teacher" ? "chat.label.teacher" : "chat.label");
  if (why)
    return (
      <p class={css.shut} role="status">
        <NamedIcon name="lock" />
        {why}
      </p>
    );
  const left = max - [...text].length;
  return (
    <form
      class={css.composer}
      data-part="composer"
      onSubmit={(e) => {
        e.preventDefault();
        say();
      }}
    >
      {!staff && (
        <fieldset class={css.to}>
          <legend class="visually-hidden">{t("chat.to")}</legend>
          {(["all", "teacher"] as const).map((k) => (
            <label key={k}>
              <input type="radio" name="chat-to" value={k} checked={to === k} onChange={() => setTo(k)} />
              <span>
                {k === "teacher" && <NamedIcon name="lock" />}
                {t(`chat.to.${k}`)}
              </span>
            </label>
          ))}
        </fieldset>
      )}
      {reply && (
        <p class={css.reply}>
          <Icon icon={Reply} mirrored />
          <bdi>
            <MathText text={reply.text} most={80} />
          </bdi>
          <Button kind="quiet" icon={X} label={t("cancel")} onClick={() => onReply(null)} />
        </p>
      )}
      <div class={css.line}>
        <textarea
          ref={area}
          rows={1}
          value={text}
          maxLength={max}
          dir="auto"
          aria-label={label}
          placeholder={label}
          enterkeyhint="send"
          autoComplete="off"
          onInput={(e) => setText(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
            e.preventDefault();
            say();
          }}
        />
        <Button
          kind="primary"
          type="submit"
          icon={Send}
          mirrored
          label={t("chat.send")}
          disabled={!text.trim() || !ready}
        />
      </div>
      <small class={css.left} aria-live="polite">
        {left < 200 ? t("chat.left", { n: Math.max(0, left) }) : ""}
      </small>
    </form>
  );
}
