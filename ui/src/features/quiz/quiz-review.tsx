// How a lesson's questions went, at its end: a score, kind words, and each question with its answer.
// Only what the teacher has revealed is here.
import { Award, HeartHandshake, MessageCircle, Sparkles, type IconNode } from "lucide";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { NamedIcon } from "../../components/named-icon";
import { t } from "../../locales/i18n";
import type { Reviewed } from "../../state/review";
import { responseText } from "./answer-words";
import { ItemPicture } from "./item-picture";
import { isGraded, optionsOf, outcomeOf, rightAnswerText } from "./options";
import css from "./quiz-review.module.css";

function keyText({ item, key }: Reviewed): string {
  if (key.right?.length) {
    const options = optionsOf(item);
    return key.right
      .map((id) => options.find((o) => o.id === id))
      .map((o) => o?.text || o?.image?.alt || "")
      .join(" · ");
  }
  return rightAnswerText(item, key);
}

const howOf = (r: Reviewed) => (isGraded(r.item, r.key) ? outcomeOf(r.item, !!r.mine, r.mark) : "");

// badgesOf praises what a pupil did, never how fast or how they compare.
export function badgesOf(list: Reviewed[], spoke: boolean): string[] {
  const graded = list.filter((r) => howOf(r) !== "");
  const right = graded.filter((r) => howOf(r) === "right").length;
  return [
    list.length > 0 && list.every((r) => r.mine) && "all",
    graded.length > 1 && right === graded.length && "perfect",
    right > 0 && right < graded.length && "learnt",
    spoke && "voice",
  ].filter((b) => typeof b === "string");
}

const icons: { [badge: string]: IconNode } = {
  all: HeartHandshake,
  perfect: Award,
  learnt: Sparkles,
  voice: MessageCircle,
};

export function QuizReview({
  list,
  spoke,
  score,
  max,
}: {
  list: Reviewed[];
  spoke: boolean;
  score: number;
  max: number;
}) {
  const badges = badgesOf(list, spoke);
  return (
    <>
      {max > 0 && (
        <p class={css.score}>
          <b>{Math.round(score)}</b> <span>{t("quiz.scoreOf", { n: max })}</span>
        </p>
      )}
      {badges.length > 0 && (
        <ul class={css.badges} aria-label={t("review.badges")}>
          {badges.map((b) => (
            <li key={b}>
              <Icon icon={icons[b]!} />
              {t(`review.badge.${b}`)}
            </li>
          ))}
        </ul>
      )}
      {list.length > 0 && (
        <section class={css.review} aria-labelledby="review-title">
          <h2 id="review-title">{t("review.title")}</h2>
          <ol>
            {list.map((r) => {
              const how = howOf(r);
              const right = keyText(r);
              return (
                <li key={r.item.id} data-outcome={how || undefined}>
                  <p class={css.question}>
                    {how && (
                      <span class={css.sign}>
                        <NamedIcon name={how === "right" ? "yes" : how === "none" ? "waiting" : "lost"} />
                        <span class="visually-hidden">{t(`review.${how}`)}</span>
                      </span>
                    )}
                    <bdi>
                      <MathText text={r.item.text} />
                    </bdi>
                  </p>
                  {r.item.image && <ItemPicture image={r.item.image} />}
                  <p>
                    {r.mine ? (
                      <>
                        {t("review.mine")}{" "}
                        <bdi>
                          <MathText text={responseText(r.item, r.mine)} />
                        </bdi>
                      </>
                    ) : (
                      t("quiz.outcome.none")
                    )}
                  </p>
                  {right && how !== "right" && how !== "" && (
                    <p>
                      {t("quiz.answer")}{" "}
                      <bdi>
                        <MathText text={right} />
                      </bdi>
                    </p>
                  )}
                  {r.key.general && (
                    <p class="muted">
                      <bdi>
                        <MathText text={r.key.general} />
                      </bdi>
                    </p>
                  )}
                </li>
              );
            })}
          </ol>
        </section>
      )}
    </>
  );
}
