// The teacher's console of one room: the stage in the middle, the class as a rail, the chat as a
// drawer.
import { useEffect, useState } from "preact/hooks";
import { MessageSquare, Presentation, Users } from "lucide";
import { ButtonLink } from "../components/button-link";
import type { BoxState } from "../api/box";
import { Icon } from "../components/icon";
import { Loading, showError } from "../components/feedback";
import { Panel } from "../components/panel";
import { CallLoader } from "../features/call/call-entry";
import { secureHome } from "../features/secure/secure-home";
import { Chat } from "../features/lesson/chat";
import { ChatTools } from "../features/lesson/chat-tools";
import { ConnectionNote } from "../features/lesson/connection-status";
import { ConsoleHead } from "../features/lesson/console-head";
import { CalmPage, LessonEnded, LessonNotOpen } from "../features/lesson/lesson-ended";
import { LobbySwitch, useLobby, WaitingDevices } from "../features/lesson/lobby";
import { Participants, useSeenPupils } from "../features/lesson/participants";
import { PupilPermissions } from "../features/lesson/pupil-permissions";
import { RaisedHands } from "../features/lesson/raised-hands";
import { Stage } from "../features/lesson/stage";
import { Understanding } from "../features/lesson/understanding";
import { t } from "../locales/i18n";
import { Room } from "../state/room";
import { useStaff } from "../state/use-staff";
import css from "./console.module.css";

export function Console({ state, arg }: { state: BoxState; arg: string }) {
  const staff = useStaff(state);
  const user = state.me.user ?? "";
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    if (!staff) return;
    const r = new Room(arg, user);
    setRoom(r);
    return () => r.close();
  }, [arg, user, staff]);
  if (!room)
    return (
      <main id="main">
        <Loading />
      </main>
    );
  return <Live key={arg} room={room} state={state} />;
}

function Live({ room, state }: { room: Room; state: BoxState }) {
  const seen = useSeenPupils(room);
  const fault = room.fault.value;
  useEffect(() => {
    if (!fault) return;
    showError(fault);
    room.fault.value = null;
  }, [fault]);
  const s = room.status.value;
  if (room.lesson.value.ended) return <LessonEnded room={room} seen={seen} />;
  if (s === "refused" || s === "removed" || s === "signedout") {
    return (
      <CalmPage title={t(`console.${s}`)} text={t(`console.${s}Why`)}>
        {s === "signedout" ? (
          <ButtonLink kind="primary" outside href="/login">
            {t("console.toLogin")}
          </ButtonLink>
        ) : (
          <ButtonLink kind="primary" href="/teach">
            {t("console.home")}
          </ButtonLink>
        )}
      </CalmPage>
    );
  }
  if (s === "waiting" && !room.lesson.value.id) return <LessonNotOpen room={room} />;
  return <Desk room={room} state={state} seen={seen} />;
}

const tabs = [
  ["stage", Presentation],
  ["class", Users],
  ["chat", MessageSquare],
] as const;
type Tab = (typeof tabs)[number][0];

// On a phone the tab is the page; on a wider window it only says whether the chat is open.
function Desk({ room, state, seen }: { room: Room; state: BoxState; seen: Set<string> }) {
  const [tab, setTab] = useState<Tab>("stage");
  const [video, setVideo] = useState(false);
  const lobby = useLobby(room);
  const unread = useUnread(room, tab === "chat");
  const me = room.me.value.user;
  const others = room.onair.list.value.some((s) => s.user !== me);
  const toggleChat = () => setTab(tab === "chat" ? "stage" : "chat");
  const count = { stage: 0, class: room.hands.value.length, chat: unread };
  return (
    <div class={css.console} data-tab={tab} data-part="console">
      <ConsoleHead
        room={room}
        state={state}
        chat={{ open: tab === "chat", unread, toggle: toggleChat }}
        video={{ open: video, toggle: () => setVideo(!video) }}
      />
      <main id="main" class={css.main} data-part="main">
        <div class={css.away}>
          <ConnectionNote room={room} />
          <WaitingDevices lobby={lobby} />
        </div>
        <Stage room={room} />
        <div class={css.rail} data-part="rail">
          <CallLoader room={room} who="teacher" home={secureHome(state)} wanted={!!me} shown={video || others} />
          <RaisedHands room={room} />
          <Understanding room={room} />
          <Participants room={room} seen={seen} />
          <Panel id="locks" room={room} title={t("people.locks")}>
            <PupilPermissions room={room} />
            <LobbySwitch lobby={lobby} />
          </Panel>
        </div>
        <div class={css.chat} data-part="chat">
          <Chat
            room={room}
            staff
            onClose={toggleChat}
            tools={(m, reply) => (
              <ChatTools room={room} m={m} onReply={reply} onRemove={() => room.send("chat.remove", { seq: m.seq })} />
            )}
          />
        </div>
      </main>
      <nav class={css.tabs} aria-label={t("console.tabs")}>
        {tabs.map(([key, icon]) => (
          <button
            key={key}
            type="button"
            aria-pressed={tab === key}
            onClick={() => {
              setTab(key);
              scrollTo(0, 0);
            }}
          >
            <Icon icon={icon} />
            <span>{t(`console.tab.${key}`)}</span>
            {count[key] > 0 && (
              <span class={css.count}>
                {count[key]}
                <span class="visually-hidden"> {t("console.new")}</span>
              </span>
            )}
          </button>
        ))}
      </nav>
    </div>
  );
}

// useUnread counts what others wrote while the chat was closed.
function useUnread(room: Room, open: boolean): number {
  const [unread, setUnread] = useState(0);
  const last = room.messages.value.at(-1);
  useEffect(() => {
    if (open) setUnread(0);
    else if (last && last.by !== room.me.value.user && Date.now() - last.at < 60000) setUnread((n) => n + 1);
  }, [last?.seq, open]);
  return unread;
}
