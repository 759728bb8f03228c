// A question as the class saw it, with what was right once that was shown.
import { CircleCheck } from "lucide";
import { FitToScreen } from "../../components/fit-to-screen";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { t } from "../../locales/i18n";
import type { Item } from "../../state/quiz";
import { numberGaps } from "../quiz/answer-words";
import { ChoiceTiles, GapLines, MatchRows, OrderRows, RightShare, RightWords } from "../quiz/projector-answers";
import { HeatMap, StagePicture } from "../quiz/projector-picture";
import { rightAnswerText } from "../quiz/question";
import type { CapsuleQuestion, CapsuleReveal } from "./timeline";
import css from "./played-question.module.css";

const tiled = ["single", "multi", "truefalse", "poll"];

export function PlayedQuestion({ question, told }: { question: CapsuleQuestion; told: CapsuleReveal | null }) {
  const [first] = question.items;
  if (!first) return null;
  return (
    <FitToScreen class={css.question!} key={question.round}>
      {question.items.length > 1 ? (
        <ol class={css.questions}>
          {question.items.map((item) => (
            <Line key={item.id} item={item} told={told} />
          ))}
        </ol>
      ) : (
        <One item={first} told={told} />
      )}
    </FitToScreen>
  );
}

// Line is one of the questions that the class answered at its own pace.
function Line({ item, told }: { item: Item; told: CapsuleReveal | null }) {
  const key = told?.keys?.[item.id];
  const right = key?.right?.length
    ? (item.options ?? [])
        .filter((o) => key.right!.includes(o.id))
        .map((o) => o.text || o.image?.alt || "")
        .join(" · ")
    : key
      ? rightAnswerText(item, key)
      : "";
  return (
    <li>
      <bdi>
        <MathText text={item.text} />
      </bdi>
      {right && (
        <p class={css.right}>
          <Icon icon={CircleCheck} label={t("quiz.right")} />
          <bdi>
            <MathText text={right} />
          </bdi>
        </p>
      )}
    </li>
  );
}

function One({ item, told }: { item: Item; told: CapsuleReveal | null }) {
  const answer = told?.keys?.[item.id];
  const counts = told?.counts?.[item.id];
  const answered = told?.answered?.[item.id] ?? 0;
  const props = { item, answer, counts, answered };
  return (
    <>
      <h2 class={css.stem}>
        <bdi>
          <MathText text={item.gaps ? numberGaps(item.text) : item.text} />
        </bdi>
      </h2>
      {item.image && (
        <StagePicture image={item.image}>
          {item.kind === "pin" && told && (
            <HeatMap image={item.image} pins={told.pins?.[item.id] ?? []} regions={answer?.regions ?? []} />
          )}
        </StagePicture>
      )}
      {tiled.includes(item.kind) && <ChoiceTiles {...props} />}
      {item.kind === "order" && <OrderRows {...props} />}
      {item.kind === "match" && <MatchRows {...props} />}
      {item.kind === "gaps" && <GapLines {...props} />}
      {answer && <RightWords answer={answer} />}
      {answer && !tiled.includes(item.kind) && <RightShare counts={counts} answered={answered} />}
    </>
  );
}
