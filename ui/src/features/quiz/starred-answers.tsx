import { MathText } from "../../components/math-text";
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import { AnswerPicture } from "./answer-picture";
import { responseText } from "./answer-words";
import css from "./starred-answers.module.css";

// StarredAnswers are the answers that the teacher shows, without a name.
export function StarredAnswers({ room }: { room: Room }) {
  const q = room.quiz;
  const stars = q.stars.value.filter((s) => s.round === q.round.value?.round);
  if (!stars.length) return null;
  const items = q.round.value!.items;
  return (
    <div class={css.stars}>
      <h3>{t("quiz.stars")}</h3>
      <ul>
        {stars.map((s) => {
          const item = items.find((i) => i.id === s.item);
          const r = s.response;
          return (
            <li key={s.n}>
              {item && (r.strokes || r.pin) ? (
                <AnswerPicture item={item} strokes={r.strokes} pins={r.pin && [r.pin]} />
              ) : (
                <q>
                  <bdi>
                    <MathText text={item ? responseText(item, r) : ""} />
                  </bdi>
                </q>
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
