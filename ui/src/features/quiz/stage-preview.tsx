// The question with the parts and the sizes of the projector: a stage of 16 to 9, small.
import { FitToScreen } from "../../components/fit-to-screen";
import { MathText } from "../../components/math-text";
import { t } from "../../locales/i18n";
import type { Item } from "../../state/quiz";
import { numberGaps } from "./answer-words";
import { ChoiceTiles, GapLines, MatchRows, OrderRows } from "./projector-answers";
import { StagePicture } from "./projector-picture";
import { Hint, tiled } from "./projector-question";
import stage from "./projector-question.module.css";
import css from "./question-preview.module.css";

export function StagePreview({ item, n, of }: { item: Item; n: number; of: number }) {
  return (
    <div class={css.stage}>
      <FitToScreen class={stage.question!} key={item.id + item.kind}>
        <header class={stage.head} data-top={item.image ? "" : undefined}>
          <div>
            {item.kind !== "slide" && <p class={stage.where}>{t("quiz.of", { i: n + 1, of })}</p>}
            <h1>
              <bdi class={stage.stem}>
                <MathText text={item.gaps ? numberGaps(item.text) : item.text} />
              </bdi>
            </h1>
          </div>
        </header>
        {item.image && <StagePicture image={item.image} />}
        {tiled.includes(item.kind) && <ChoiceTiles item={item} answered={0} />}
        {item.kind === "order" && <OrderRows item={item} />}
        {item.kind === "match" && <MatchRows item={item} />}
        {item.kind === "gaps" && <GapLines item={item} answered={0} />}
        <Hint kind={item.kind} />
      </FitToScreen>
    </div>
  );
}
