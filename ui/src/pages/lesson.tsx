// The lesson as a pupil has it.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { State } from "../core/api";
import { A, Icon, Loading, tellFault, Title } from "../core/kit";
import { t } from "../core/i18n";
import { Room } from "../core/room";
import { go } from "../core/router";
import { reload } from "../core/state";
import { Chat } from "../features/chat";
import { Away, Connection } from "../features/connection";
import { Place, Recorded, secureHome } from "../features/onair";
import { Round } from "../features/round";
import { View } from "../features/view";
import { Floats, Hand, Reactions, Taps } from "../features/taps";
import "./lesson.css";

export function Lesson({ state }: { state: State; arg: string }) {
  const { me, room } = state;
  const pupil = me.role === "pupil" && !!room && !!me.user;
  useEffect(() => {
    if (!pupil) go(me.role === "teacher" ? "/teach" : "/", true);
  }, [pupil]);
  return pupil ? <Seat key={`${room} ${me.user}`} id={room} user={me.user!} name={me.name ?? ""} home={secureHome(state)} /> : <main id="main" class="narrow"><Loading /></main>;
}

function Seat({ id, user, name, home }: { id: string; user: string; name: string; home: string }) {
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    const r = new Room(id, user);
    setRoom(r);
    return () => r.close();
  }, [id, user]);
  return room ? <Live room={room} name={name} home={home} /> : <main id="main" class="narrow"><Loading /></main>;
}

const rejoin = async () => {
  await reload();
  go("/", true);
};

function Live({ room, name, home }: { room: Room; name: string; home: string }) {
  const status = room.status.value;
  const { title, ended } = room.lesson.value;
  const fault = room.fault.value;
  useEffect(() => {
    if (!fault) return;
    tellFault(fault);
    room.fault.value = null;
  }, [fault]);

  if (ended) return <Ended room={room} />;
  if (status === "removed") {
    return <Stop title={t("lesson.removed")} text={t("lesson.removed.text")}><button type="button" onClick={() => location.reload()}>{t("lesson.try")}</button></Stop>;
  }
  if (status === "signedout" || status === "refused") {
    return <Stop title={t(`lesson.${status}`)} text={t(`lesson.${status}.text`)}><button type="button" class="primary big" onClick={rejoin}>{t("lesson.again")}</button></Stop>;
  }
  if (status === "waiting") {
    return <Stop title={t("lesson.waiting")} text={t("lesson.waiting.text")} calm><p><Connection room={room} /></p></Stop>;
  }
  if (!room.me.value.user) return <main id="main" class="narrow"><Loading /></main>;
  const cls = room.info.value?.className ?? "";
  return (
    <main id="main" class="lesson">
      <header class="lesson-top">
        <div class="lesson-what">
          <Title><bdi>{title || cls || t("lesson.title")}</bdi></Title>
          <p class="muted">{title && cls && <><bdi>{cls}</bdi> · </>}{t("lesson.you", { name: `\u2068${name}\u2069` })} <A href="/">{t("lesson.leave")}</A></p>
        </div>
        <div class="lesson-how">
          <Connection room={room} />
          {status === "live" && <span class="here"><Icon name="people" />{t("lesson.here", { n: room.pupilsHere.value })}</span>}
        </div>
      </header>
      <Away room={room} />
      <Recorded room={room} />
      <Place room={room} home={home} />
      <Stage room={room} />
      <section class="panel" aria-labelledby="panel-title">
        <h2 id="panel-title" class="visually-hidden">{t("lesson.panel")}</h2>
        <Hand room={room} />
        <Taps room={room} />
        <Reactions room={room} />
      </section>
      <Chat room={room} />
      <Floats room={room} />
    </main>
  );
}

// Stop is a state in which there is no lesson to show.
function Stop({ title, text, calm, children }: { title: string; text: string; calm?: boolean; children?: ComponentChildren }) {
  return (
    <main id="main" class="narrow stop">
      <div class="card pad stack" role={calm ? "status" : "alert"}>
        <Title>{title}</Title>
        <p>{text}</p>
        {children}
      </div>
    </main>
  );
}

function Ended({ room }: { room: Room }) {
  const me = room.me.value.user;
  const kept = room.messages.value.filter((m) => m.by === me).length;
  const lost = room.outbox.value.length;
  return (
    <main id="main" class="lesson over">
      <div class="card pad stack" role="status">
        <p class="over-mark"><Icon name="yes" /></p>
        <Title>{t("lesson.ended")}</Title>
        <p>{kept > 0 ? t("lesson.ended.kept", { n: kept }) : t("lesson.ended.none")}</p>
        {lost > 0 && <p class="note warn">{t("lesson.ended.lost", { n: lost })}</p>}
        <div><button type="button" onClick={rejoin}>{t("lesson.ended.next")}</button></div>
      </div>
      {room.messages.value.length > 0 && <Chat room={room} />}
    </main>
  );
}

// Stage is what the class looks at: the question, or what the teacher shows.
function Stage({ room }: { room: Room }) {
  const q = room.quiz;
  const asked = q.ranked.value || (q.round.value && q.round.value.state !== "closed");
  if (!asked && !room.board.surface.value) return null;
  return <div class="lesson-stage">{asked ? <Round room={room} /> : <View room={room} />}</div>;
}
