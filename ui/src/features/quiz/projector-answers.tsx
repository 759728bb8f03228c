// The answers of a question on the projector: tiles, an order, pairs. At the reveal bars grow to
// their counts, the right answer has a mark and the others step back.
import { useEffect, useState } from "preact/hooks";
import { ArrowRight, CircleCheck, GripVertical } from "lucide";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { letterOf, Tile, type TileState } from "../../components/tile";
import { t } from "../../locales/i18n";
import type { Item, Option, Revealed } from "../../state/quiz";
import { pictureURL } from "./projector-picture";
import { gapWords, optionsOf } from "./options";
import css from "./projector-answers.module.css";

interface Props {
  item: Item;
  answer?: Revealed; // after the reveal
  counts?: { [option: string]: number };
  answered: number;
}

// Grown is the inner part of a bar. It grows from zero when it appears.
export function Grown({ share }: { share: number }) {
  const [grown, setGrown] = useState(false);
  useEffect(() => {
    const frame = requestAnimationFrame(() => setGrown(true));
    return () => cancelAnimationFrame(frame);
  }, []);
  return (
    <span class={css.bar} data-bar aria-hidden="true">
      <span style={{ inlineSize: grown ? `${100 * share}%` : 0 }} />
    </span>
  );
}

// OptionText is an option with its picture.
const OptionText = ({ option }: { option: Option }) => (
  <>
    {option.image && (
      <img
        class={css.thumb}
        src={pictureURL(option.image)}
        alt={option.image.alt ?? ""}
        style={{ aspectRatio: `${option.image.w} / ${option.image.h}` }}
      />
    )}
    <bdi>
      <MathText text={option.text} />
    </bdi>
  </>
);

export function ChoiceTiles({ item, answer, counts, answered }: Props) {
  const options = optionsOf(item);
  const marked = !!answer?.right?.length;
  return (
    <ul class={css.tiles}>
      {options.map((o, n) => {
        const right = !!answer?.right?.includes(o.id);
        const state: TileState = !marked ? "idle" : right ? "right" : "dimmed";
        const count = answer ? (counts?.[o.id] ?? 0) : undefined;
        return (
          <li key={o.id} data-option={o.id} data-right={right || undefined} data-dim={state === "dimmed" || undefined}>
            <Tile
              n={n}
              state={state}
              note={right ? t("quiz.right") : undefined}
              count={count !== undefined && <b class={css.count}>{t("stage.number", { n: count })}</b>}
            >
              <OptionText option={o} />
              {count !== undefined && <Grown share={answered ? count / answered : 0} />}
            </Tile>
          </li>
        );
      })}
    </ul>
  );
}

// OrderRows are the things in the order in which they were mixed, and in their own order after
// the reveal.
export function OrderRows({ item, answer }: Omit<Props, "answered">) {
  const options = item.options ?? [];
  const order = answer?.order;
  const shown = order ? order.map((id) => options.find((o) => o.id === id)).filter((o) => o !== undefined) : options;
  return (
    <ol class={css.rows} style={{ "--half": Math.ceil(shown.length / 2) }} data-many={shown.length > 5 || undefined}>
      {shown.map((o, n) => (
        <li key={o.id} class={order ? css.known : css.row} data-option={o.id} data-right={!!order || undefined}>
          {order ? <b class={css.place}>{t("stage.number", { n: n + 1 })}</b> : <Icon icon={GripVertical} />}
          <span class={css.text}>
            <OptionText option={o} />
          </span>
        </li>
      ))}
    </ol>
  );
}

// MatchRows are both sides of a match. After the reveal a row holds what belongs together, and
// what has no partner comes last.
export function MatchRows({ item, answer }: Omit<Props, "answered">) {
  const options = item.options ?? [];
  const choices = item.choices ?? [];
  const pairs = answer?.pairs;
  const partner = options.map((o, n) => (pairs ? choices.findIndex((c) => c.id === pairs[o.id]) : n));
  const rest = choices.map((_, n) => n).filter((n) => !partner.includes(n));
  return (
    <ul class={css.pairs}>
      {[...partner, ...rest].map((c, n) => {
        const [left, right] = [options[n], choices[c]];
        const together = !!pairs && !!left;
        return (
          <li key={left?.id ?? right?.id} data-right={together || undefined} class={pairs && !left ? css.alone : ""}>
            {left ? (
              <span class={together ? css.known : css.row} data-option={left.id}>
                <b class={css.place}>{t("stage.number", { n: n + 1 })}</b>
                <span class={css.text}>
                  <OptionText option={left} />
                </span>
              </span>
            ) : (
              <span />
            )}
            {together ? <Icon icon={ArrowRight} mirrored label={t("quiz.right")} /> : <span />}
            {right ? (
              <span class={together ? css.known : css.row} data-choice={right.id}>
                <b class={css.place}>{letterOf(c)}</b>
                <span class={css.text}>
                  <OptionText option={right} />
                </span>
              </span>
            ) : (
              <span />
            )}
          </li>
        );
      })}
    </ul>
  );
}

// GapLines are the gaps of a text: what there is to choose from, and after the reveal what is right
// and how many had it.
export function GapLines({ item, answer, counts, answered }: Props) {
  const gaps = item.gaps ?? [];
  return (
    <ol class={css.gaps} data-part="gaps">
      {gaps.map((gap, n) => {
        const words = answer ? gapWords(gap, answer.gaps?.[gap.id]).slice(0, 3) : [];
        const hits = counts?.[gap.id] ?? 0;
        if (!answer && !gap.options) return null;
        return (
          <li key={gap.id} class={answer ? css.known : css.row} data-gap={gap.id} data-right={!!answer || undefined}>
            <b class={css.place}>{t("stage.number", { n: n + 1 })}</b>
            <span class={css.text}>
              {answer ? (
                <>
                  <bdi>
                    <MathText text={words.join(" / ")} />
                  </bdi>
                  <Grown share={answered ? hits / answered : 0} />
                </>
              ) : (
                gap.options!.map((o) => (
                  <span key={o.id} class={css.chip}>
                    <bdi>
                      <MathText text={o.text} />
                    </bdi>
                  </span>
                ))
              )}
            </span>
            {answer && <span class={css.hits}>{t("stage.rightOf", { n: hits, of: answered })}</span>}
            {answer && gap.options && (
              <span class={css.chosen}>
                {gap.options.map((o) => (
                  <span key={o.id}>
                    <bdi>
                      <MathText text={o.text} />
                    </bdi>{" "}
                    <b>{t("stage.number", { n: counts?.[`${gap.id}.${o.id}`] ?? 0 })}</b>
                  </span>
                ))}
              </span>
            )}
          </li>
        );
      })}
    </ol>
  );
}

// RightShare is how many had it right, for answers that are not counted one by one.
export function RightShare({ counts, answered }: { counts?: { [option: string]: number }; answered: number }) {
  const n = counts?.right;
  if (n === undefined && counts?.wrong === undefined) return null;
  return (
    <div class={css.share}>
      <span>{t("stage.rightOf", { n: n ?? 0, of: answered })}</span>
      <Grown share={answered ? (n ?? 0) / answered : 0} />
    </div>
  );
}

// RightWords are the accepted answers of a written question.
export function RightWords({ answer }: { answer: Revealed }) {
  const words = [...(answer.texts ?? []), ...(answer.numbers ?? [])];
  if (words.length === 0) return null;
  return (
    <p class={css.words} data-right>
      <Icon icon={CircleCheck} label={t("quiz.right")} />
      <bdi>{words.join(" · ")}</bdi>
    </p>
  );
}
