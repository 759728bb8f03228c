// The question on the teacher's stage: what is asked, who has answered, and the counts.
import { useEffect, useState } from "preact/hooks";
import { Eye, EyeOff, Pause, Play, Square, TimerReset } from "lucide";
import { Button } from "../../components/button";
import { span, t } from "../../locales/i18n";
import { useNow } from "../../components/hooks";
import { MathText } from "../../components/math-text";
import { Meter, TimerRing } from "../../components/meter";
import type { Item } from "../../state/quiz";
import type { Room } from "../../state/room";
import { AnswerCounts } from "./answer-counts";
import { numberGaps } from "./answer-words";
import css from "./quiz-control.module.css";

// everybodyAnswered is the cue to show the answer.
export function everybodyAnswered(room: Room): boolean {
  const q = room.quiz;
  const r = q.round.value;
  const here = room.pupilsHere.value;
  const items = r?.items.filter((i) => i.kind !== "slide") ?? [];
  return (
    r?.state === "open" && here > 0 && items.length > 0 && items.every((i) => (q.answered.value[i.id] ?? 0) >= here)
  );
}

export function QuestionStage({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value!;
  const [peeked, setPeeked] = useState(0); // the round whose key the teacher looks at
  const peek = peeked === r.round;
  // Of a long round the box sends some answers only when they are asked for.
  const missing = r.items.find((i) => !q.answers.value[i.id] && (q.answered.value[i.id] ?? 0) > 0)?.id;
  const live = room.status.value === "live";
  useEffect(() => {
    if (missing && live) q.look(missing);
  }, [missing, live]);
  const hasKey = r.items.some((i) => i.kind !== "slide" && i.kind !== "poll" && i.points > 0);
  return (
    <div class={css.stage} data-round={r.state}>
      <p class={css.head}>
        <strong>
          {r.items.length > 1
            ? t("stage.all", { n: r.items.length })
            : r.index >= 0
              ? t("quiz.of", { i: r.index + 1, of: q.of.value })
              : t("quiz.one")}{" "}
          · {t(`stage.state.${r.paused ? "paused" : r.state}`)}
        </strong>
        {hasKey && r.state !== "revealed" && (
          <Button
            kind="quiet"
            icon={peek ? EyeOff : Eye}
            aria-pressed={peek}
            onClick={() => setPeeked(peek ? 0 : r.round)}
          >
            {t(peek ? "stage.unpeek" : "stage.peek")}
          </Button>
        )}
      </p>
      {r.items.map((item) => (
        <Asked key={item.id} room={room} item={item} peek={peek} />
      ))}
    </div>
  );
}

function Asked({ room, item, peek }: { room: Room; item: Item; peek: boolean }) {
  const n = room.quiz.answered.value[item.id] ?? 0;
  const here = Math.max(room.pupilsHere.value, n, 1); // some may have left
  return (
    <div class={css.asked} data-part="asked">
      <p class={css.text} data-part="question">
        <bdi>
          <MathText text={item.gaps ? numberGaps(item.text) : item.text} />
        </bdi>
      </p>
      {item.kind !== "slide" && <Meter value={n} of={here} text={t("stage.answered", { n, of: here })} />}
      <AnswerCounts room={room} item={item} peek={peek} />
    </div>
  );
}

// RoundTools are what a teacher may do next to the one button while a question is open.
export function RoundTools({ room }: { room: Room }) {
  const r = room.quiz.round.value;
  if (r?.state !== "open") return null;
  const slide = r.items.every((i) => i.kind === "slide");
  return (
    <>
      <Button
        kind="quiet"
        icon={r.paused ? Play : Pause}
        onClick={() => room.send("quiz.pause", { round: r.round, on: !r.paused })}
      >
        {t(r.paused ? "stage.resume" : "stage.pause")}
      </Button>
      {r.seconds > 0 && (
        <Button
          kind="quiet"
          icon={TimerReset}
          onClick={() => room.send("quiz.extend", { round: r.round, seconds: 30 })}
        >
          {t("stage.extend")}
        </Button>
      )}
      {!slide && r.items.length === 1 && (
        <Button kind="quiet" icon={Square} onClick={() => room.send("quiz.lock", { round: r.round })}>
          {t("stage.close")}
        </Button>
      )}
    </>
  );
}

// RoundTimer is the time that is left. It is said aloud once, ten seconds before the end.
export function RoundTimer({ room }: { room: Room }) {
  useNow();
  const end = room.quiz.end.value;
  const seconds = room.quiz.round.value?.seconds ?? 0;
  if (end === null || !seconds) return null;
  const left = Math.max(0, end - room.now());
  const low = left < 10000;
  return (
    <>
      <TimerRing left={Math.min(1, left / (seconds * 1000))} text={span(left + 999)} label={t("quiz.left")} low={low} />
      <span class="visually-hidden" role="status">
        {left > 0 && low ? t("quiz.soon") : ""}
      </span>
    </>
  );
}
