// What pupils wrote or drew, on the projector: the wall, the word cloud, and the answers with a star.
import { Quote } from "lucide";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { t } from "../../locales/i18n";
import type { Item, Star, Wall } from "../../state/quiz";
import { responseText } from "./answer-words";
import { Drawing } from "./projector-picture";
import css from "./projector-words.module.css";

// What fits on a screen that is read from the last row.
const mostLetters = 1400;
const mostWords = 60;
const mostStars = 6;

// AnswerWords shows the most frequent answers, and says how many more there are.
export function AnswerWords({ wall }: { wall: Wall }) {
  let letters = 0;
  const fit = wall.list.filter((w, n) => {
    letters += w.text.length + 4;
    return n < mostWords && (n === 0 || letters <= mostLetters);
  });
  const most = Math.max(1, ...fit.map((w) => w.n));
  const more = wall.list.length - fit.length;
  return (
    <ul class={wall.as === "cloud" ? css.cloud : css.wall} data-words={wall.as}>
      {fit.map((w, n) => (
        <li key={w.text} class={`hue${n % 4}`} style={{ "--weight": w.n / most }}>
          <bdi>{w.text}</bdi>
          {w.n > 1 && (
            <>
              {" "}
              <b>{t("stage.times", { n: w.n })}</b>
            </>
          )}
        </li>
      ))}
      {more > 0 && <li class={css.more}>{t("stage.more.number", { n: more })}</li>}
    </ul>
  );
}

export function StarredOnStage({ stars, items }: { stars: Star[]; items: Item[] }) {
  const shown = stars.slice(-mostStars);
  const drawn = shown.some((s) => s.response.strokes);
  return (
    <ul class={drawn ? css.drawings : css.stars} data-stars={shown.length}>
      {shown.map((s) => {
        const item = items.find((i) => i.id === s.item);
        if (!item) return null;
        return (
          <li key={s.n}>
            {s.response.strokes ? (
              <Drawing item={item} strokes={s.response.strokes} />
            ) : (
              <>
                <Icon icon={Quote} />
                <bdi>
                  <MathText text={responseText(item, s.response)} />
                </bdi>
              </>
            )}
          </li>
        );
      })}
    </ul>
  );
}
