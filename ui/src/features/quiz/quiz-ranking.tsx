// The ranking of the class.
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import { EmptyNote } from "../../components/feedback";
import css from "./quiz-ranking.module.css";

export function QuizRanking({ room }: { room: Room }) {
  const list = room.quiz.ranked.value ?? [];
  return (
    <section class="card" aria-labelledby="ranking-title">
      <h2 id="ranking-title">{t("quiz.ranking")}</h2>
      {list.length === 0 ? (
        <EmptyNote>{t("quiz.rankingEmpty")}</EmptyNote>
      ) : (
        <ol class={css.list}>
          {list.map((r) => (
            <li key={r.user}>
              <span class={css.place}>{list.findIndex((x) => x.score === r.score) + 1}</span>
              <bdi>{r.shared ? t("quiz.shared", { n: r.shared }) : room.name(r.user)}</bdi>
              <b>{t("quiz.points", { n: r.score })}</b>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
