// What was answered so far, counted. The key is marked after the reveal, or when the teacher asks
// for it: a laptop may be mirrored to the class.
import { Check } from "lucide";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { parseNumber } from "../../components/number-field";
import { TileMark } from "../../components/tile";
import { t } from "../../locales/i18n";
import type { Answer, Item, Key, Revealed } from "../../state/quiz";
import type { Room } from "../../state/room";
import { AnswerPicture } from "./answer-picture";
import { answerText } from "./answer-wall";
import { foldAnswer, gapText } from "./answer-words";
import { gapWords } from "./options";
import { optionsOf, rightAnswerText } from "./question";
import css from "./answer-counts.module.css";

interface Row {
  key: string;
  n?: number; // of an option
  text: string;
  count: number;
  right: boolean;
}

export function AnswerCounts({ room, item, peek }: { room: Room; item: Item; peek: boolean }) {
  const q = room.quiz;
  const answers = Object.entries(q.answers.value[item.id] ?? {}).sort(([, a], [, b]) => a.at - b.at);
  const revealed = q.told.value?.keys?.[item.id];
  const key = peek ? q.loaded.value.items.find((i) => i.id === item.id)?.key : undefined;
  const shown = revealed ?? (key && revealedOf(key));
  const rows =
    item.options && !["order", "match"].includes(item.kind)
      ? optionRows(
          item,
          answers.map(([, a]) => a),
          shown,
        )
      : groupedRows(room, item, answers, !!revealed);
  const right = shown && rightAnswerText(item, shown);
  if (item.kind === "pin")
    return (
      <div class={css.map} style={{ "--wide": (item.image?.w ?? 4) / (item.image?.h ?? 3) }}>
        <AnswerPicture
          item={item}
          pins={answers.flatMap(([, a]) => a.response.pin ?? [])}
          regions={shown?.regions ?? []}
        />
      </div>
    );
  return (
    <>
      {item.gaps ? (
        <GapCounts item={item} answers={answers.map(([, a]) => a)} shown={shown} />
      ) : (
        <Bars rows={rows} of={answers.length} />
      )}
      {rows.length === 0 && !item.gaps && <Unanswered item={item} />}
      {right && (
        <p class={css.key}>
          {t("quiz.answer")}{" "}
          <bdi>
            <MathText text={right} />
          </bdi>
        </p>
      )}
    </>
  );
}

const Bars = ({ rows, of }: { rows: Row[]; of: number }) => (
  <ul class={css.bars} data-part="counts">
    {rows.map((row) => (
      <li key={row.key} class={css.row}>
        {row.n === undefined ? <span /> : <TileMark n={row.n} filled />}
        <span class={css.text} data-part="text">
          <bdi>
            <MathText text={row.text} />
          </bdi>
        </span>
        <span class={css.track} aria-hidden="true">
          <i
            class={css.fill}
            style={{
              inlineSize: `${(100 * row.count) / Math.max(of, 1)}%`,
              background: row.n === undefined ? undefined : `var(--mark-${"abcd"[row.n % 4]})`,
            }}
          />
        </span>
        <span class={css.count} data-part="count">
          {row.count}
        </span>
        <span class={css.right} data-part="right">
          {row.right && <Icon icon={Check} label={t("quiz.right")} />}
        </span>
      </li>
    ))}
  </ul>
);

// GapCounts is each gap with its answers counted.
const GapCounts = ({ item, answers, shown }: { item: Item; answers: Answer[]; shown?: Revealed }) => (
  <ol class={css.gaps}>
    {item.gaps!.map((gap, i) => {
      const words = gapWords(gap, shown?.gaps?.[gap.id]).map(foldAnswer);
      const groups = new Map<string, Row>();
      const add = (text: string, by: number) => {
        const key = foldAnswer(text);
        const row = groups.get(key) ?? { key, text, count: 0, right: words.includes(key) };
        groups.set(key, { ...row, count: row.count + by });
      };
      for (const o of gap.options ?? []) add(o.text, 0);
      for (const a of answers) if (a.response.gaps?.[gap.id]) add(gapText(gap, a.response.gaps[gap.id]), 1);
      const rows = [...groups.values()];
      if (gap.kind !== "single") rows.sort((a, b) => b.count - a.count || a.text.localeCompare(b.text));
      return (
        <li key={gap.id} data-gap={gap.id}>
          <p>{t("stage.gap", { i: i + 1 })}</p>
          <Bars rows={rows} of={answers.length} />
        </li>
      );
    })}
  </ol>
);

// Unanswered is what the class works with, where no counts show it.
function Unanswered({ item }: { item: Item }) {
  if (item.kind === "draw") return <p class="muted">{t("stage.drawings", { view: t("console.view.answers") })}</p>;
  return [item.options, item.choices].map(
    (list) =>
      list && (
        <p key={list[0]?.id} class="muted">
          <bdi>
            <MathText text={list.map((o) => o.text).join(" · ")} />
          </bdi>
        </p>
      ),
  );
}

function optionRows(item: Item, answers: Answer[], shown: Revealed | undefined): Row[] {
  return optionsOf(item).map((o, n) => ({
    key: o.id,
    n,
    text: o.text,
    count: answers.filter((a) => a.response.options?.includes(o.id)).length,
    right: !!shown?.right?.includes(o.id),
  }));
}

// same is what two answers have in common that count as one.
function same(item: Item, a: Answer): string {
  const text = foldAnswer(answerText(item, a));
  return item.kind === "numeric" ? String(parseNumber(text) ?? text) : text;
}

// groupedRows counts answers without options to choose from, the most frequent first.
function groupedRows(room: Room, item: Item, answers: [string, Answer][], revealed: boolean): Row[] {
  if (item.kind === "draw") return []; // the class wall shows drawings
  const marks = room.quiz.told.value?.marks;
  const groups = new Map<string, Row>();
  for (const [user, a] of answers) {
    const key = same(item, a);
    const row = groups.get(key) ?? {
      key,
      text: answerText(item, a).trim(),
      count: 0,
      right: revealed && (marks?.[user]?.[item.id] ?? a.mark ?? 0) > 0.999,
    };
    groups.set(key, { ...row, count: row.count + 1 });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || a.text.localeCompare(b.text));
}

// revealedOf is a key in the form that the reveal gives it.
function revealedOf(key: Key): Revealed {
  return {
    right: Object.entries(key.weights ?? {})
      .filter(([, weight]) => weight > 0)
      .map(([id]) => id),
    texts: key.texts?.filter((a) => a.weight > 0.999).map((a) => a.text),
    numbers: key.numbers?.map((n) => (n.tolerance ? `${n.value} ± ${n.tolerance}` : String(n.value))),
    order: key.order,
    pairs: key.pairs,
    gaps: key.gaps && Object.fromEntries(Object.entries(key.gaps).map(([id, k]) => [id, revealedOf(k)])),
    regions: key.regions,
  };
}
