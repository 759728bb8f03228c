// A question as a pupil has it: the text, a way to answer, where the answer is, how it did.
import { MathText } from "../../components/math-text";
import { latePart } from "../../components/late-part";
import { NamedIcon, type NamedIconName } from "../../components/named-icon";
import { formatShare, has, t, withTexts } from "../../locales/i18n";
import type { Item, Quiz, Revealed } from "../../state/quiz";
import { AnswerMany, AnswerOne } from "./answer-tiles";
import { AnswerWritten } from "./answer-written";
import { type Answering, Hint } from "./answering";
import { ItemPicture } from "./item-picture";
import { isGraded, outcomeOf, rightAnswerText } from "./options";
import css from "./question.module.css";

export { letterOf, OptionShape, optionsOf, rightAnswerText } from "./options";

// AnswerMore comes after the page, and before the pupil needs it.
export const AnswerMore = latePart(async () => (await withTexts("answer", import("./answer-more"))).AnswerMore);

interface Props {
  quiz: Quiz;
  item: Item;
  shut: boolean; // nothing can be answered now
  away: boolean; // the box is out of reach
}

function Answer(a: Answering) {
  switch (a.item.kind) {
    case "multi":
      return <AnswerMany {...a} />;
    case "text":
    case "numeric":
      return <AnswerWritten {...a} />;
    case "slide":
      return null;
    case "single":
    case "truefalse":
    case "poll":
      return <AnswerOne {...a} />;
    default:
      return <AnswerMore {...a} />;
  }
}

export function Question({ quiz, item, shut, away }: Props) {
  const told = quiz.told.value;
  const revealed = told?.keys?.[item.id];
  const waiting = quiz.waiting.value[item.id];
  const mine = waiting ?? quiz.mine.value[item.id];
  const refused = quiz.refused.value?.item === item.id ? quiz.refused.value.code : "";
  const under = item.kind === "pin" || item.kind === "draw"; // the picture is what is answered on
  return (
    <div class={css.question} data-part="item" data-kind={item.kind}>
      {item.title && (
        <Hint>
          <bdi>{item.title}</bdi>
        </Hint>
      )}
      <p class={css.stem} data-part="stem" id={`q-${item.id}`} hidden={!!item.gaps}>
        <bdi>
          <MathText text={item.text} />
        </bdi>
      </p>
      {item.image && !under && <ItemPicture image={item.image} />}
      {revealed && <Outcome quiz={quiz} item={item} revealed={revealed} answered={!!mine} />}
      <Answer
        key={item.id}
        item={item}
        mine={mine}
        refused={refused}
        shut={shut || !!revealed}
        revealed={revealed}
        counts={told?.counts?.[item.id]}
        all={told?.answered?.[item.id] ?? 0}
        pins={told?.pins?.[item.id]}
        send={(r) => quiz.answer(item.id, r)}
      />
      {item.kind !== "slide" && (
        <Saved quiz={quiz} item={item.id} refused={refused} waiting={!!waiting} mine={!!mine} shut={shut} away={away} />
      )}
    </div>
  );
}

// Saved says where the answer is. The tick comes only when the box has it on disk.
function Saved(props: {
  quiz: Quiz;
  item: string;
  refused: string;
  waiting: boolean;
  mine: boolean;
  shut: boolean;
  away: boolean;
}) {
  const { quiz, item, refused, waiting, mine, shut, away } = props;
  const open = quiz.round.value?.state === "open";
  const say = (state: string, icon: NamedIconName, text: string) => (
    <span class={css.state} data-state={state}>
      <NamedIcon name={icon} />
      <span>{text}</span>
    </span>
  );
  return (
    <p class={css.saved} id={`s-${item}`} role="status">
      {refused
        ? say("refused", "no", t(has(`quiz.refused.${refused}`) ? `quiz.refused.${refused}` : "quiz.refused"))
        : waiting
          ? say(away ? "offline" : "sent", away ? "cloud" : "waiting", t(away ? "quiz.offline" : "quiz.waiting"))
          : quiz.told.value
            ? null
            : mine
              ? say("saved", "saved", t(open ? "quiz.saved" : "quiz.savedShut"))
              : shut && !open
                ? say("none", "lock", t("quiz.unanswered"))
                : null}
    </p>
  );
}

function Outcome(props: { quiz: Quiz; item: Item; revealed: Revealed; answered: boolean }) {
  const { quiz, item, revealed, answered } = props;
  const mark = quiz.told.value?.mine?.[item.id];
  const how = isGraded(item, revealed) ? outcomeOf(item, answered, mark) : "";
  const right = rightAnswerText(item, revealed);
  if (!how && !right && !revealed.general) return null;
  return (
    <div class={css.outcome} data-outcome={how || undefined} role="status">
      {how && (
        <p class={css.outcomeHead}>
          {how !== "none" && (
            <span class={css.medal}>
              <NamedIcon name={how === "wrong" ? "lost" : "yes"} />
            </span>
          )}
          {t(`quiz.outcome.${how}`, { share: formatShare(mark ?? 0) })}
        </p>
      )}
      {(how === "wrong" || how === "part") && <p>{t("quiz.outcome.kind")}</p>}
      {right && (
        <p>
          {t("quiz.answer")}{" "}
          <bdi>
            <MathText text={right} />
          </bdi>
        </p>
      )}
      {revealed.general && (
        <p>
          <bdi>
            <MathText text={revealed.general} />
          </bdi>
        </p>
      )}
    </div>
  );
}
