// The teacher's console of one room: hands, the class, the chat, and the lesson itself.
import { useEffect, useState } from "preact/hooks";
import { api, type Fault, type State } from "../core/api";
import { clock, span, t } from "../core/i18n";
import { A, Confirm, Icon, Loading, Title, tellFault, useLoad, useNow } from "../core/kit";
import { Room } from "../core/room";
import { Chat } from "../features/chat";
import { Away, Connection } from "../features/connection";
import { InCloud } from "../features/incloud";
import { Hands, Panel, Taps } from "../features/hands";
import { Easel } from "../features/easel";
import { Launcher } from "../features/launcher";
import { Locks } from "../features/locks";
import { People, useSeen } from "../features/people";
import { Wall } from "../features/wall";
import { Calls, Recorded, secureHome } from "../features/onair";
import { Code, Sheet, useStaff } from "../features/frame";
import "./console.css";

const tabs = ["stage", "hands", "class", "chat"] as const;

export function Console({ state, arg }: { state: State; arg: string }) {
  const staff = useStaff(state);
  const user = state.me.user ?? "";
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    if (!staff) return;
    const r = new Room(arg, user);
    setRoom(r);
    return () => r.close();
  }, [arg, user, staff]);
  if (!room) return <main id="main"><Loading /></main>;
  return <Live key={arg} room={room} state={state} />;
}

function Live({ room, state }: { room: Room; state: State }) {
  const seen = useSeen(room);
  const fault = room.fault.value;
  useEffect(() => {
    if (!fault) return;
    tellFault(fault);
    room.fault.value = null;
  }, [fault]);
  const s = room.status.value;
  if (room.lesson.value.ended) return <Ended room={room} seen={seen} />;
  if (s === "refused" || s === "removed" || s === "signedout") {
    return (
      <Calm title={t(`console.${s}`)} text={t(`console.${s}Why`)}>
        {s === "signedout" ? <a class="button primary" href="/login">{t("console.toLogin")}</a> : <A class="button primary" href="/teach">{t("console.home")}</A>}
      </Calm>
    );
  }
  if (s === "waiting" && !room.lesson.value.id) return <NotOpen room={room} />;
  return <Desk room={room} state={state} seen={seen} />;
}

function Desk({ room, state, seen }: { room: Room; state: State; seen: Set<string> }) {
  const [tab, setTab] = useState<(typeof tabs)[number]>("stage");
  const [unread, setUnread] = useState(0);
  const last = room.messages.value.at(-1);
  useEffect(() => {
    if (tab === "chat") setUnread(0);
    else if (last && last.by !== room.me.value.user && Date.now() - last.at < 60000) setUnread((n) => n + 1);
  }, [last?.seq, tab === "chat"]);
  const count = { stage: 0, hands: room.hands.value.length, class: 0, chat: unread };
  return (
    <div class="console" data-tab={tab}>
      <Head room={room} state={state} />
      <main id="main" class="console-main">
        <div class="console-away"><Away room={room} /></div>
        <div class="col col-stage"><Calls room={room} who="teacher" home={secureHome(state)} wanted={!!room.me.value.user} /><Launcher room={room} /><Easel room={room} /><Wall room={room} /></div>
        <div class="col col-side">
          <div class="col col-hands"><Hands room={room} /><Taps room={room} /></div>
          <div class="col col-class">
            <Panel id="locks" room={room} title={t("people.locks")}><Locks room={room} /></Panel>
            <People room={room} seen={seen} />
          </div>
        </div>
        <div class="col col-chat"><Chat room={room} staff /></div>
      </main>
      <nav class="tabs" aria-label={t("console.tabs")}>
        {tabs.map((k) => (
          <button key={k} type="button" aria-pressed={tab === k} onClick={() => { setTab(k); scrollTo(0, 0); }}>
            <span>{t(`console.tab.${k}`)}</span>
            {count[k] > 0 && <span class="count">{count[k]}<span class="visually-hidden"> {t("console.new")}</span></span>}
          </button>
        ))}
      </nav>
    </div>
  );
}

function Head({ room, state }: { room: Room; state: State }) {
  const [open, setOpen] = useState<"" | "code" | "end">("");
  const [busy, setBusy] = useState(false);
  const info = room.info.value;
  const lesson = room.lesson.value;
  const total = [...room.people.value.values()].filter((p) => p.role === "pupil").length;
  const end = async () => {
    if (busy) return;
    setBusy(true);
    try {
      await api.endLesson(lesson.id);
      room.lesson.value = { ...room.lesson.value, ended: room.lesson.value.ended ?? room.now() };
    } catch (e) {
      tellFault(e as Fault);
    }
    setBusy(false);
    setOpen("");
  };
  return (
    <header class="console-head">
      <A href="/teach" class="button quiet home-link" aria-label={t("console.home")}><Icon name="back" /></A>
      <div class="console-name">
        <Title><bdi>{info?.className || lesson.title || "…"}</bdi></Title>
        {info && lesson.title && lesson.title !== info.className && <p class="muted"><bdi>{lesson.title}</bdi></p>}
      </div>
      {info?.code && info.id === lesson.id && (
        <button type="button" class="code-button" onClick={() => setOpen("code")}>
          <img class="qr-small" src={api.qr(info.id)} alt="" width={44} height={44} />
          <span class="code-words"><small>{t("console.code")}</small><Code code={info.code} /></span>
        </button>
      )}
      <p class="console-here"><Icon name="people" /><strong>{t("console.here", { here: room.pupilsHere.value, n: total })}</strong></p>
      <Clock room={room} />
      <Recorded room={room} />
      <Connection room={room} />
      <span class="grow" />
      <a class="button screen-link" href={`/screen/${encodeURIComponent(room.id)}`} target="_blank" rel="noopener" aria-label={`${t("console.screen")} ${t("console.newTab")}`}>
        <Icon name="full" /><span class="screen-words">{t("console.screen")}</span>
      </a>
      <button type="button" class="danger" disabled={!lesson.id} onClick={() => setOpen("end")}>{t("console.end")}</button>
      {open === "end" && <Confirm text={room.pupilsHere.value ? t("console.endAsk", { n: room.pupilsHere.value }) : t("console.endEmpty")} yes={t("console.end")} onYes={() => void end()} onNo={() => setOpen("")} />}
      {open === "code" && info?.code && (
        <Sheet title={t("console.codeTitle")} onClose={() => setOpen("")}>
          <div class="code-sheet">
            <img src={api.qr(info.id)} alt={t("console.qr")} width={320} height={320} />
            <p>{t("console.goTo")}<br /><bdi dir="ltr" class="code-address">{address(state)}</bdi></p>
            <p>{t("console.type")}<br /><span class="code-huge"><Code code={info.code} /></span></p>
            <A class="button" href={`/remote/${encodeURIComponent(room.id)}`}>{t("console.remote")}</A>
          </div>
        </Sheet>
      )}
    </header>
  );
}

// address is what pupils type: where this page came from, unless that is the box itself.
function address(state: State): string {
  const own = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  return own && state.addresses[0] ? state.addresses[0].replace(/^http:\/\//, "").replace(/:80$/, "") : location.host;
}

function Clock({ room }: { room: Room }) {
  useNow();
  const from = room.lesson.value.started;
  if (!from) return null;
  return <p class="console-clock muted"><span class="visually-hidden">{t("console.running")} </span>{span(room.now() - from)}</p>;
}

function Calm({ title, text, children }: { title: string; text?: string; children: preact.ComponentChildren }) {
  return (
    <main id="main" class="calm stack">
      <Title>{title}</Title>
      {text && <p class="muted">{text}</p>}
      {children}
    </main>
  );
}

// NotOpen is a class whose lesson is over, or has not begun.
function NotOpen({ room }: { room: Room }) {
  const [busy, setBusy] = useState(false);
  const start = async () => {
    setBusy(true);
    try {
      await api.startLesson(room.id, "");
      location.reload(); // joins afresh
    } catch (e) {
      tellFault(e as Fault);
      setBusy(false);
    }
  };
  return (
    <Calm title={t("console.notOpen")} text={t("console.notOpenWhy")}>
      <div class="row">
        <button type="button" class="primary" disabled={busy} onClick={() => void start()}>{t("home.start")}</button>
        <A class="button" href="/teach">{t("console.home")}</A>
      </div>
    </Calm>
  );
}

function Ended({ room, seen }: { room: Room; seen: Set<string> }) {
  const l = room.lesson.value;
  // After a reload the box names nobody in a room without a lesson; the class list does.
  const [classes] = useLoad(api.classes);
  const cls = classes?.find((c) => c.id === room.id);
  const known = [...room.people.value.values()].filter((p) => p.role === "pupil");
  const pupils: { id: string; name: string }[] = [...(known.length > 0 ? known : (cls?.pupils ?? []))].sort((a, b) => a.name.localeCompare(b.name));
  const className = room.info.value?.className ?? cls?.name ?? "";
  const there = pupils.filter((p) => seen.has(p.id));
  const missing = pupils.filter((p) => !seen.has(p.id));
  const minutes = Math.max(1, Math.round(((l.ended ?? l.started) - l.started) / 60000));
  const group = (id: string, title: string, list: typeof pupils) => list.length > 0 && (
    <section class="stack tight" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <ul class="chips">{list.map((p) => <li key={p.id}><bdi>{p.name}</bdi></li>)}</ul>
    </section>
  );
  return (
    <Calm title={t("console.ended")}>
      <p><strong><bdi>{className}</bdi></strong>{className && l.title && l.title !== className ? <> · <bdi>{l.title}</bdi></> : null}</p>
      <dl class="facts">
        <div><dt>{t("console.time")}</dt><dd><bdi>{clock(l.started)} – {clock(l.ended ?? l.started)}</bdi></dd></div>
        <div><dt>{t("console.length")}</dt><dd>{t("console.minutes", { n: minutes })}</dd></div>
        <div><dt>{t("console.there")}</dt><dd>{t("console.of", { here: there.length, n: pupils.length })}</dd></div>
        <div><dt>{t("console.messages")}</dt><dd>{t("console.messagesN", { n: room.messages.value.length })}</dd></div>
      </dl>
      <InCloud />
      {group("there", t("console.whoThere"), there)}
      {group("missing", t("console.whoMissing"), missing)}
      <div class="row"><A class="button primary big" href={`/results/${encodeURIComponent(l.id)}`}>{t("console.results")}</A><A class="button big" href="/teach">{t("console.home")}</A></div>
    </Calm>
  );
}
