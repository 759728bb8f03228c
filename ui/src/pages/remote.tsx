// The teacher's phone as a remote: one button that goes on, the slides, and who asks.
import { useEffect, useState } from "preact/hooks";
import type { State } from "../core/api";
import { A, Icon, Loading, tellFault, Title } from "../core/kit";
import { t } from "../core/i18n";
import { Room } from "../core/room";
import { Away, Connection } from "../features/connection";
import { Hands } from "../features/hands";
import { Turn } from "../features/easel";
import { Go } from "../features/launcher";
import { Timer } from "../features/round";
import { useStaff } from "../features/frame";
import "./remote.css";

export function Remote({ state, arg }: { state: State; arg: string }) {
  const staff = useStaff(state);
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    if (!staff) return;
    const r = new Room(arg, state.me.user ?? "");
    setRoom(r);
    return () => r.close();
  }, [arg, staff]);
  return room ? <Held room={room} /> : <main id="main" class="narrow"><Loading /></main>;
}

function Held({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value;
  const fault = room.fault.value;
  useEffect(() => {
    if (!fault) return;
    tellFault(fault);
    room.fault.value = null;
  }, [fault]);
  const item = r && r.state !== "closed" ? r.items[0] : q.loaded.value.items.find((i) => !q.asked.value.includes(i.id));
  const open = r && r.state !== "closed";
  return (
    <main id="main" class="remote">
      <header class="row between">
        <A href={`/teach/${encodeURIComponent(room.id)}`} class="button quiet" aria-label={t("remote.console")}><Icon name="back" /></A>
        <Title><bdi>{room.info.value?.className || t("remote.title")}</bdi></Title>
        <Connection room={room} />
      </header>
      <Away room={room} />
      <section class="card stack" aria-labelledby="remote-now">
        <p id="remote-now" class="row between">
          <strong>{open ? t(`stage.state.${r.paused ? "paused" : r.state}`) : t("remote.ready")}</strong>
          {q.end.value !== null && <Timer room={room} end={q.end.value} />}
        </p>
        <p class="question-text"><bdi>{item?.text ?? t("remote.nothing")}</bdi></p>
        {open && item && item.kind !== "slide" && <p class="muted">{t("stage.answered", { n: q.answered.value[item.id] ?? 0, of: Math.max(room.pupilsHere.value, 1) })}</p>}
        {open && r.state === "open" && <div><button type="button" onClick={() => room.send("quiz.pause", { round: r.round, on: !r.paused })}>{t(r.paused ? "stage.resume" : "stage.pause")}</button></div>}
      </section>
      {q.loaded.value.items.length > 0 && <Go room={room} />}
      <Turn room={room} turn={(surface) => room.send("board.show", { surface })} />
      <Hands room={room} />
    </main>
  );
}
