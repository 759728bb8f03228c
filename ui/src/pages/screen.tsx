// The projector's page: one stage that fills the screen, whatever its size.
import { useEffect, useState } from "preact/hooks";
import { Maximize, Moon, Sun, Video, Volume2, VolumeX } from "lucide";
import type { IconNode } from "lucide";
import { ButtonLink } from "../components/button-link";
import type { BoxState, Lesson as LessonInfo } from "../api/box";
import { Icon } from "../components/icon";
import { Delayed, Loading } from "../components/feedback";
import { PageTitle } from "../components/page-title";
import { muted, playTick, setMuted } from "../components/sound";
import { changePage } from "../components/transition";
import { useWakeLock } from "../components/wake-lock";
import { t } from "../locales/i18n";
import { Room } from "../state/room";
import { ConnectionStatus } from "../features/lesson/connection-status";
import { groupCode, ProjectorLobby } from "../features/lesson/projector-lobby";
import { CallLoader, RecordingNotice } from "../features/call/call-entry";
import { ProjectorGroups } from "../features/lesson/groups/groups-entry-staff";
import { BoardSurface } from "../features/whiteboard/board-surface";
import { AnsweredMeter, ProjectorQuestion } from "../features/quiz/projector-question";
import { ProjectorRanking } from "../features/quiz/projector-podium";
import { useProjectorSounds } from "../features/quiz/projector-sounds";
import { FloatingReactions } from "../features/lesson/floating-reactions";
import css from "./screen.module.css";

export function Screen({ state, arg }: { state: BoxState; arg: string }) {
  const [room, setRoom] = useState<Room | null>(null);
  const staff = state.me.role === "teacher";
  useEffect(() => {
    if (!staff) return;
    const r = new Room(arg, state.me.user ?? "", "screen");
    setRoom(r);
    return () => r.close();
  }, [arg, staff]);
  if (!staff) return <Refused />;
  return room ? (
    <Stage room={room} address={plain(state.addresses[0])} />
  ) : (
    <main id="main" class="narrow">
      <Loading />
    </main>
  );
}

// plain is an address as it is typed.
const plain = (url: string | undefined) => (url ?? location.host).replace(/^https?:\/\//, "").replace(/:80$|\/$/, "");

function Refused() {
  return (
    <main id="main" class="narrow stop">
      <div class="card pad stack">
        <PageTitle>{t("screen.refused")}</PageTitle>
        <ButtonLink kind="primary" href="/login">
          {t("screen.login")}
        </ButtonLink>
      </div>
    </main>
  );
}

type Shown = "loading" | "waiting" | "ended" | "ranking" | "question" | "groups" | "board" | "lobby";

// shownOf is what is on the stage. While the box is out of reach, the last picture stays.
function shownOf(room: Room, info: LessonInfo | null): Shown {
  const q = room.quiz;
  if (room.lesson.value.ended) return "ended";
  if (room.status.value === "waiting" || room.status.value === "removed") return "waiting";
  if (!info?.code) return "loading";
  if (q.ranked.value) return "ranking";
  if (q.round.value && q.round.value.state !== "closed") return "question";
  if (room.groups.open.value) return "groups";
  return room.board.surface.value ? "board" : "lobby";
}

function Stage({ room, address }: { room: Room; address: string }) {
  const [picture, setPicture] = useState(false);
  const idle = useIdle();
  useWakeLock();
  useProjectorSounds(room);
  const status = room.status.value;
  if (status === "refused" || status === "signedout") return <Refused />;
  const { id, title, ended } = room.lesson.value;
  const known = room.info.value;
  const info = ended || known?.id === id ? known : null; // the lesson before has no code any more
  const shown = shownOf(room, info);
  if (shown === "loading")
    return (
      <main id="main" class="narrow">
        <Loading />
      </main>
    );
  const quiet = shown === "ended" || shown === "waiting";
  const b = room.board;
  return (
    <main
      id="main"
      class={css.stage}
      data-stage={shown}
      data-state={room.quiz.round.value?.state}
      data-idle={idle || undefined}
    >
      <header class={css.top}>
        {(shown === "lobby" || quiet) && info && (
          <p>
            <bdi>{info.className}</bdi>
            {title && title !== info.className && <bdi>{title}</bdi>}
          </p>
        )}
        <RecordingNotice room={room} />
      </header>
      {shown === "waiting" || shown === "ended" ? (
        <div class={css.quiet}>
          <PageTitle>{t(`screen.${shown}`)}</PageTitle>
          <p>{t(`screen.${shown}.text`)}</p>
        </div>
      ) : shown === "ranking" ? (
        <ProjectorRanking room={room} />
      ) : shown === "question" ? (
        <ProjectorQuestion room={room} />
      ) : shown === "groups" ? (
        <ProjectorGroups room={room} />
      ) : shown === "board" ? (
        <div class={css.board} key={b.surface.value}>
          <BoardSurface room={room} surface={b.surface.value} page={b.page.value} width={1920} />
        </div>
      ) : (
        <ProjectorLobby room={room} info={info!} address={address} />
      )}
      {!quiet && (
        <div class={css.call} data-on={picture || undefined}>
          <CallLoader room={room} who="screen" home="" wanted={picture} />
        </div>
      )}
      <footer class={css.foot}>
        {!quiet && shown !== "lobby" && (
          <p class={css.corner} data-corner>
            <span dir="ltr">{address}</span>
            <b dir="ltr">{groupCode(info!.code!)}</b>
          </p>
        )}
        <div class={css.middle}>
          {shown === "question" && (
            <div class={css.answered}>
              <AnsweredMeter room={room} />
            </div>
          )}
          {status !== "live" && !ended && (
            <Delayed>
              <ConnectionStatus room={room} />
            </Delayed>
          )}
        </div>
        <div class={css.tools} role="group" aria-label={t("screen.tools")}>
          {room.onair.list.value.length > 0 && !quiet && (
            <Tool icon={Video} label={t("screen.picture")} pressed={picture} press={() => setPicture(!picture)} />
          )}
          <Tools />
        </div>
      </footer>
      <FloatingReactions room={room} />
    </main>
  );
}

// useIdle is true after some seconds without a hand on the device: the tools fade then.
function useIdle(): boolean {
  const [idle, setIdle] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const wake = () => {
      clearTimeout(timer);
      setIdle(false);
      timer = setTimeout(() => setIdle(true), 5000);
    };
    wake();
    const events = ["pointermove", "pointerdown", "keydown"];
    for (const e of events) addEventListener(e, wake);
    return () => {
      clearTimeout(timer);
      for (const e of events) removeEventListener(e, wake);
    };
  }, []);
  return idle;
}

function Tool({
  icon,
  label,
  pressed,
  press,
}: {
  icon: IconNode;
  label: string;
  pressed?: boolean;
  press: () => void;
}) {
  return (
    <button type="button" aria-label={label} title={label} aria-pressed={pressed} onClick={press}>
      <Icon icon={icon} />
    </button>
  );
}

const themeKey = "ll:stage-theme";

// useTheme is the projector's own theme: light, since classrooms are bright, until somebody turns it.
function useTheme(): ["light" | "dark", () => void] {
  const root = document.documentElement;
  const [theme, setTheme] = useState<"light" | "dark">("light");
  const apply = (to: "light" | "dark") => {
    root.dataset.theme = to;
    setTheme(to);
  };
  useEffect(() => {
    const before = root.dataset.theme;
    let saved = null;
    try {
      saved = localStorage.getItem(themeKey);
    } catch {
      // a private window
    }
    apply((before ?? saved) === "dark" ? "dark" : "light");
    return () => {
      if (before) root.dataset.theme = before;
      else delete root.dataset.theme;
    };
  }, []);
  const turn = () => {
    const to = theme === "dark" ? "light" : "dark";
    void changePage(() => apply(to));
    try {
      localStorage.setItem(themeKey, to);
    } catch {
      // as above: it lasts as long as the page
    }
  };
  return [theme, turn];
}

function Tools() {
  const [theme, turn] = useTheme();
  const full = () =>
    void (document.fullscreenElement
      ? document.exitFullscreen()
      : document.documentElement.requestFullscreen().catch(() => {}));
  const hush = () => {
    setMuted(!muted.value);
    playTick(true);
  };
  return (
    <>
      <Tool
        icon={muted.value ? VolumeX : Volume2}
        label={t(muted.value ? "screen.unmute" : "screen.mute")}
        press={hush}
      />
      <Tool icon={theme === "dark" ? Sun : Moon} label={t("screen.theme")} press={turn} />
      {document.fullscreenEnabled && <Tool icon={Maximize} label={t("screen.full")} press={full} />}
    </>
  );
}
