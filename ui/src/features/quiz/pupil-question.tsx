// The round at hand as a pupil has it: which question, how long, saved or not.
import { useEffect, useState } from "preact/hooks";
import { Lock, Pause } from "lucide";
import { Button } from "../../components/button";
import { Chip } from "../../components/chip";
import { latePart } from "../../components/late-part";
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import { Question } from "./question";
import { QuizRanking } from "./quiz-ranking";
import { QuizTimer } from "./quiz-timer";
import css from "./pupil-question.module.css";

const StarredAnswers = latePart(async () => (await import("./starred-answers")).StarredAnswers);

export function PupilQuestion({ room }: { room: Room }) {
  const q = room.quiz;
  const round = q.round.value;
  const [at, setAt] = useState(0);
  useEffect(() => setAt(0), [round?.round]);
  if (q.ranked.value) return <QuizRanking room={room} />;
  const stars = q.stars.value.length > 0 && <StarredAnswers room={room} />;
  if (!round || round.state === "closed") return stars || null;
  const items = round.items;
  const item = items[Math.min(at, items.length - 1)];
  if (!item) return null;
  const many = items.length > 1;
  const done = items.filter((i) => q.mine.value[i.id] || q.waiting.value[i.id]).length;
  return (
    <section class={css.round} aria-labelledby="round-title" data-round={round.state}>
      <header class={css.top}>
        <h2 id="round-title">
          {many
            ? t("quiz.of", { i: at + 1, of: items.length })
            : round.index < 0 || item.kind === "slide"
              ? t(item.kind === "slide" ? "quiz.read" : "quiz.one")
              : t("quiz.of", { i: round.index + 1, of: round.of })}
        </h2>
        <State room={room} />
      </header>
      <Question
        key={item.id}
        quiz={q}
        item={item}
        shut={round.state !== "open" || round.paused}
        away={room.status.value === "offline"}
      />
      {many && (
        <nav class={css.nav} aria-label={t("quiz.questions")}>
          <Button disabled={at === 0} onClick={() => setAt(at - 1)}>
            {t("quiz.back")}
          </Button>
          <span>{t("quiz.done", { n: done, of: items.length })}</span>
          <Button
            kind={q.mine.value[item.id] ? "primary" : "secondary"}
            disabled={at >= items.length - 1}
            onClick={() => setAt(at + 1)}
          >
            {t("quiz.next")}
          </Button>
        </nav>
      )}
      {q.told.value && q.max.value > 0 && (
        <p class={css.score}>{t("quiz.score", { score: Math.round(q.score.value), max: q.max.value })}</p>
      )}
      {stars}
    </section>
  );
}

function State({ room }: { room: Room }) {
  const round = room.quiz.round.value!;
  if (round.paused) return <Chip icon={Pause}>{t("quiz.paused")}</Chip>;
  if (round.state === "locked" && round.items.some((i) => i.kind !== "slide"))
    return <Chip icon={Lock}>{t("quiz.locked")}</Chip>;
  return round.state === "open" && room.quiz.end.value !== null ? (
    <QuizTimer room={room} end={room.quiz.end.value} />
  ) : null;
}
