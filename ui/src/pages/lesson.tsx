// The lesson as a pupil has it.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, type BoxState } from "../api/box";
import type { Fault } from "../api/http";
import { Button } from "../components/button";
import { Icon } from "../components/icon";
import { mark } from "../components/brand";
import { NamedIcon } from "../components/named-icon";
import { latePart } from "../components/late-part";
import { Loading, showError } from "../components/feedback";
import { PageTitle } from "../components/page-title";
import { t } from "../locales/i18n";
import { collectReview } from "../state/review";
import { Room } from "../state/room";
import { go } from "../state/router";
import { reload } from "../state/session";
import { Chat } from "../features/lesson/chat";
import { ConnectionNote, ConnectionStatus } from "../features/lesson/connection-status";
import { PupilCall, RecordingNotice } from "../features/call/call-entry";
import { secureHome } from "../features/secure/secure-home";
import { PupilQuestion } from "../features/quiz/pupil-question";
import { AnswerMore } from "../features/quiz/question";
import { PupilGroups } from "../features/lesson/groups/groups-entry";
import { PupilDock } from "../features/lesson/pupil-dock";
import { FloatingReactions } from "../features/lesson/floating-reactions";
import css from "./lesson.module.css";

export function Lesson({ state }: { state: BoxState; arg: string }) {
  const { me, room } = state;
  const pupil = me.role === "pupil" && !!room && !!me.user;
  useEffect(() => {
    if (!pupil) go(me.role === "teacher" ? "/teach" : "/", true);
  }, [pupil]);
  return pupil ? (
    <Seat key={`${room} ${me.user}`} id={room} user={me.user!} name={me.name ?? ""} home={secureHome(state)} />
  ) : (
    <main id="main" class="narrow">
      <Loading />
    </main>
  );
}

const PupilBoard = latePart(async () => (await import("../features/whiteboard/pupil-board")).PupilBoard);
const QuizReview = latePart(async () => (await import("../features/quiz/quiz-review")).QuizReview);

type Review = ReturnType<typeof collectReview>["list"];

function Seat({ id, user, name, home }: { id: string; user: string; name: string; home: string }) {
  const [seat, setSeat] = useState<{ room: Room; review: Review } | null>(null);
  useEffect(() => {
    const room = new Room(id, user);
    const review = collectReview(room.quiz, `ll:review:${user}:${id}`);
    setSeat({ room, review: review.list });
    const later = setTimeout(
      () => [PupilBoard, AnswerMore, QuizReview].forEach((p) => void p.preload().catch(() => {})),
      1000,
    );
    return () => {
      clearTimeout(later);
      review.stop();
      room.close();
    };
  }, [id, user]);
  return seat ? (
    <Live room={seat.room} review={seat.review} name={name} home={home} />
  ) : (
    <main id="main" class="narrow">
      <Loading />
    </main>
  );
}

const rejoin = async () => {
  await reload();
  go("/", true);
};

// leave frees the name, so that the right child can have it.
async function leave() {
  try {
    await api.logout();
    await rejoin();
  } catch (e) {
    showError(e as Fault);
  }
}

// apart keeps a name's own direction from turning the words around it.
const apart = (name: string) => `\u2068${name}\u2069`;

function Live({ room, review, name, home }: { room: Room; review: Review; name: string; home: string }) {
  const status = room.status.value;
  const { title, ended } = room.lesson.value;
  const fault = room.fault.value;
  useEffect(() => {
    if (!fault) return;
    showError(fault);
    room.fault.value = null;
  }, [fault]);

  if (ended) return <Ended room={room} review={review} name={name} />;
  const out = status === "removed";
  if (status === "signedout" || status === "refused") {
    return (
      <Stop title={t(`lesson.${status}`)} text={t(`lesson.${status}.text`)}>
        <Button kind="primary" big onClick={rejoin}>
          {t("lesson.again")}
        </Button>
      </Stop>
    );
  }
  if (status === "waiting") {
    return (
      <Stop title={t("lesson.waiting")} text={t("lesson.waiting.text")} calm>
        <p>
          <ConnectionStatus room={room} />
        </p>
      </Stop>
    );
  }
  const stop = out && <Stop title={t("lesson.removed")} text={t("lesson.removed.text")} />;
  if (!room.me.value.user)
    return (
      stop || (
        <main id="main" class="narrow">
          <Loading />
        </main>
      )
    );
  const cls = room.info.value?.className ?? "";
  const shown = hasStage(room);
  const grouped = room.groups.open.value;
  const busy = shown || grouped;
  // A removed pupil finds what was half written as it was, and is off the air meanwhile.
  return (
    <>
      <main
        id={out ? undefined : "main"}
        class={css.lesson}
        data-part="lesson"
        data-stage={busy || undefined}
        hidden={out}
      >
        <header class={css.top}>
          <Icon icon={mark} />
          <div class={css.what} title={title || cls}>
            <PageTitle dir="auto">{title || cls || t("lesson.title")}</PageTitle>
            <p>
              {title && cls && (
                <span class={css.class}>
                  <bdi>{cls}</bdi> ·{" "}
                </span>
              )}
              {t("lesson.you", { name: apart(name) })}
            </p>
          </div>
          <ConnectionStatus room={room} />
        </header>
        <div class={css.main}>
          <ConnectionNote room={room} />
          <RecordingNotice room={room} />
          {!out && <PupilCall room={room} home={home} />}
          <PupilGroups room={room} />
          {shown ? <Stage room={room} /> : !grouped && <Lobby room={room} name={name} />}
        </div>
        <PupilDock room={room} stage={busy} />
        <FloatingReactions room={room} />
      </main>
      {stop}
    </>
  );
}

// Stop is a state in which there is no lesson to show.
function Stop(props: { title: string; text: string; calm?: boolean; children?: ComponentChildren }) {
  const { title, text, calm, children } = props;
  return (
    <main id="main" class="narrow" data-part="stop">
      <div class={`card ${css.card}`} role={calm ? "status" : "alert"}>
        <Icon icon={mark} />
        <PageTitle>{title}</PageTitle>
        <p>{text}</p>
        {children}
      </div>
    </main>
  );
}

// Lobby is between two things to look at.
function Lobby({ room, name }: { room: Room; name: string }) {
  const here = room.pupilsHere.value;
  return (
    <section class={css.lobby} aria-labelledby="lobby-title">
      <h2 id="lobby-title">{t("lesson.hello", { name: apart(name) })}</h2>
      <p>{t("lesson.lobby")}</p>
      <p class={css.facts}>
        {room.status.value === "live" && (
          <span>
            <NamedIcon name="people" /> {t("lesson.here", { n: here })}
          </span>
        )}
        <Button kind="quiet" onClick={() => void leave()}>
          {t("lesson.leave")}
        </Button>
      </p>
    </section>
  );
}

function Ended({ room, review, name }: { room: Room; review: Review; name: string }) {
  const me = room.me.value.user;
  const kept = room.messages.value.filter((m) => m.by === me).length;
  const lost = room.outbox.value.length;
  return (
    <main id="main" class={css.over} data-part="lesson">
      <div class={css.end} role="status">
        <Icon icon={mark} />
        <PageTitle>{t("lesson.ended")}</PageTitle>
        <p>{t("lesson.thanks", { name: apart(name) })}</p>
        <p>{kept > 0 ? t("lesson.ended.kept", { n: kept }) : t("lesson.ended.none")}</p>
        {lost > 0 && <p class="note warn">{t("lesson.ended.lost", { n: lost })}</p>}
      </div>
      <QuizReview list={review.value} spoke={kept > 0} score={room.quiz.score.value} max={room.quiz.max.value} />
      <Button onClick={rejoin}>{t("lesson.ended.next")}</Button>
      {room.messages.value.length > 0 && <Chat room={room} />}
    </main>
  );
}

const isAsked = ({ quiz }: Room) => !!quiz.ranked.value || (!!quiz.round.value && quiz.round.value.state !== "closed");

const hasStage = (room: Room) => isAsked(room) || !!room.board.surface.value;

// Stage is what the class looks at: the question, or what the teacher shows.
const Stage = ({ room }: { room: Room }) => (
  <div class={css.stage}>{isAsked(room) ? <PupilQuestion room={room} /> : <PupilBoard room={room} />}</div>
);
