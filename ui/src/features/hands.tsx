// Raised hands, the longest waiting first, and the taps: how the class is doing.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Room } from "../core/room";
import { clock, span, t } from "../core/i18n";
import { Empty, Icon, Loading, useNow } from "../core/kit";

// Panel is one part of the console: its heading, and what is known about it now. Its
// content stays while the box is away, with a word that says so.
export function Panel(props: { id: string; title: string; room: Room; tools?: ComponentChildren; children: ComponentChildren }) {
  const { id, title, room, tools, children } = props;
  const s = room.status.value;
  const known = room.lesson.value.id !== "";
  const [since, setSince] = useState(0);
  useEffect(() => setSince(s === "offline" ? Date.now() : 0), [s]);
  return (
    <section class={`pane pane-${id}${s === "live" ? "" : " stale"}`} aria-labelledby={`${id}-title`}>
      <div class="pane-head"><h2 id={`${id}-title`}>{title}</h2>{known && tools}</div>
      {known && s === "offline" && <p class="pane-stale">{t("console.stale", { time: clock(since || Date.now()) })}</p>}
      {known ? children : <Loading />}
    </section>
  );
}

// waits tells that a command of this kind has not been answered yet.
export const waits = (room: Room, event: string, match: { [field: string]: unknown } = {}) =>
  room.outbox.value.find((e) => e.event === event && Object.entries(match).every(([k, v]) => e.payload[k] === v));

// useNews says a new hand aloud once.
function useNews(room: Room): string {
  const hands = room.hands.value;
  const before = useRef<Set<string> | null>(null);
  const [news, setNews] = useState("");
  useEffect(() => {
    const fresh = before.current ? hands.filter((h) => !before.current!.has(h.user)) : [];
    before.current = room.lesson.value.id ? new Set(hands.map((h) => h.user)) : null;
    if (fresh.length) setNews(t("hand.news", { name: fresh.map((h) => room.name(h.user)).join(", "), n: hands.length }));
  }, [hands]);
  return news;
}

export function Hands({ room }: { room: Room }) {
  const hands = room.hands.value;
  const news = useNews(room);
  const n = hands.length;
  return (
    <>
      <p class="visually-hidden" role="status" aria-live="polite">{news}</p>
      <Panel
        id="hands" room={room} title={n ? t("hand.titleN", { n }) : t("hand.title")}
        tools={n > 1 && <button type="button" disabled={!!waits(room, "hand.lower", { all: true })} onClick={() => room.send("hand.lower", { all: true })}>{t("hand.lowerAll")}</button>}
      >
        {n === 0 ? <Empty>{t(room.locks.value.raise ? "hand.emptyLocked" : "hand.empty")}</Empty> : <Queue room={room} />}
      </Panel>
    </>
  );
}

function Queue({ room }: { room: Room }) {
  useNow();
  const now = room.now();
  return (
    <ol class="hands">
      {room.hands.value.map((h, i) => (
        <li key={h.user} class={i === 0 ? "first" : ""}>
          <span class="hand-mark"><Icon name="hand" /></span>
          <bdi class="hand-name">{room.name(h.user)}</bdi>
          <span class="hand-wait"><span class="visually-hidden">{t("hand.waiting")} </span>{span(now - h.at)}</span>
          <button
            type="button" aria-label={t("hand.lowerOne", { name: room.name(h.user) })} disabled={!!waits(room, "hand.lower", { user: h.user })}
            onClick={() => room.send("hand.lower", { user: h.user })}
          >
            {t("hand.lower")}
          </button>
        </li>
      ))}
    </ol>
  );
}

const kinds = ["lost", "no", "yes"] as const;

export function Taps({ room }: { room: Room }) {
  const taps = Object.entries(room.taps.value);
  const here = Math.max(room.pupilsHere.value, taps.length, 1);
  return (
    <Panel
      id="taps" room={room} title={t("hand.taps")}
      tools={taps.length > 0 && <button type="button" disabled={!!waits(room, "tap.clear")} onClick={() => room.send("tap.clear")}>{t("hand.tapsClear")}</button>}
    >
      {taps.length === 0 ? <Empty>{t("hand.tapsEmpty")}</Empty> : (
        <ul class="tap-list">
          {kinds.map((kind) => {
            const who = taps.filter(([, v]) => v === kind).map(([user]) => room.name(user)).sort((a, b) => a.localeCompare(b));
            return (
              <li key={kind} class={`tl-${kind}`}>
                <div class="tap-line">
                  <Icon name={kind} />
                  <span>{t(`hand.tap.${kind}`)}</span>
                  <svg class="tap-bar" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true"><rect width={(100 * who.length) / here} height="12" /></svg>
                  <strong>{new Intl.NumberFormat(document.documentElement.lang).format(who.length)}</strong>
                </div>
                {kind === "lost" && who.length > 0 && <ul class="tap-who">{who.map((name) => <li key={name}><bdi>{name}</bdi></li>)}</ul>}
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}
