// The teacher's phone as a remote: what the class sees, the one button that goes on, and who asks.
import { useEffect, useState } from "preact/hooks";
import { ChevronLeft, ChevronRight, Eye, MessageCircleQuestionMark } from "lucide";
import { ButtonLink } from "../components/button-link";
import type { BoxState } from "../api/box";
import { Button } from "../components/button";
import { Chip } from "../components/chip";
import { Loading, showError } from "../components/feedback";
import { MathText } from "../components/math-text";
import { Meter } from "../components/meter";
import { PageTitle } from "../components/page-title";
import { t } from "../locales/i18n";
import { Room } from "../state/room";
import { ConnectionNote, ConnectionStatus } from "../features/lesson/connection-status";
import { useLobby, WaitingDevices } from "../features/lesson/lobby";
import { RaisedHands } from "../features/lesson/raised-hands";
import { BoardSurface } from "../features/whiteboard/board-surface";
import { PageTurner } from "../features/whiteboard/whiteboard-editor";
import { NextStepButton } from "../features/quiz/next-step";
import { RoundTimer, RoundTools } from "../features/quiz/quiz-control";
import { QuickQuestion } from "../features/quiz/quick-question";
import { useStaff } from "../state/use-staff";
import css from "./remote.module.css";

export function Remote({ state, arg }: { state: BoxState; arg: string }) {
  const staff = useStaff(state);
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    if (!staff) return;
    const r = new Room(arg, state.me.user ?? "");
    setRoom(r);
    return () => r.close();
  }, [arg, staff]);
  return room ? (
    <Held room={room} />
  ) : (
    <main id="main" class="narrow">
      <Loading />
    </main>
  );
}

function Held({ room }: { room: Room }) {
  const q = room.quiz;
  const b = room.board;
  const r = q.round.value && q.round.value.state !== "closed" ? q.round.value : null;
  const [asking, setAsking] = useState(false);
  const lobby = useLobby(room);
  const fault = room.fault.value;
  useEffect(() => {
    if (!fault) return;
    showError(fault);
    room.fault.value = null;
  }, [fault]);
  const page = b.page.value;
  const turn = (index: number) => page && room.send("board.show", { surface: `d:${page.deck}:${index}` });
  const slides = !r && page;
  return (
    <main id="main" class={css.remote} data-part="remote">
      <header class={css.head}>
        <ButtonLink
          kind="quiet"
          icon={ChevronLeft}
          mirrored
          href={`/teach/${encodeURIComponent(room.id)}`}
          label={t("remote.console")}
        />
        <PageTitle dir="auto">{room.info.value?.className || t("remote.title")}</PageTitle>
        <ConnectionStatus room={room} />
      </header>
      <ConnectionNote room={room} />
      <section class={css.preview} aria-label={t("remote.sees")} data-part="preview">
        <div class={css.line}>
          <Chip icon={Eye}>{t("remote.sees")}</Chip>
          <RoundTimer room={room} />
        </div>
        {r ? (
          <Asked room={room} />
        ) : b.surface.value ? (
          <BoardSurface room={room} surface={b.surface.value} page={page} width={640} />
        ) : (
          <p class={css.text}>{t("console.sees.code")}</p>
        )}
      </section>
      <WaitingDevices lobby={lobby} />
      <RaisedHands room={room} />
      <div class={css.bar}>
        <div class={css.tools}>
          {!r && <PageTurner page={page} turn={turn} />}
          <RoundTools room={room} />
          {q.state.value !== "open" && (
            <Button kind="quiet" icon={MessageCircleQuestionMark} onClick={() => setAsking(true)}>
              {t("stage.ask")}
            </Button>
          )}
        </div>
        <div class={css.go}>
          {q.loaded.value.items.length > 0 && <NextStepButton room={room} kind={slides ? "secondary" : "primary"} />}
          {slides && (
            <Button
              kind="primary"
              big
              icon={ChevronRight}
              mirrored
              disabled={slides.index + 1 >= slides.of}
              onClick={() => turn(slides.index + 1)}
            >
              {t("remote.nextPage")}
            </Button>
          )}
        </div>
      </div>
      {asking && <QuickQuestion room={room} close={() => setAsking(false)} />}
    </main>
  );
}

// Asked is the question without its key: the phone may lie on a desk.
function Asked({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value!;
  const item = r.items[0];
  if (!item) return null;
  const n = q.answered.value[item.id] ?? 0;
  const here = Math.max(room.pupilsHere.value, n, 1); // some may have left
  return (
    <>
      <p class={css.state}>
        {r.items.length > 1 ? t("stage.all", { n: r.items.length }) : t("quiz.of", { i: r.index + 1, of: q.of.value })}{" "}
        · {t(`stage.state.${r.paused ? "paused" : r.state}`)}
      </p>
      <p class={css.text}>
        <bdi>
          <MathText text={item.text} />
        </bdi>
      </p>
      {item.kind !== "slide" && <Meter value={n} of={here} text={t("stage.answered", { n, of: here })} />}
    </>
  );
}
