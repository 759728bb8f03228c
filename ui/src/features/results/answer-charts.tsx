// What the class answered: bars for each question, and everybody's marks.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ArrowRight, Check, Dot, Minus, X } from "lucide";
import { formatNumber, formatShare, t } from "../../locales/i18n";
import { Icon } from "../../components/icon";
import { plainMath } from "../../components/math-plain";
import { MathText } from "../../components/math-text";
import { Bar } from "../../components/meter";
import type { GapResult, Pupil, Question, Results } from "../../api/results";
import { AnswerPicture } from "../quiz/answer-picture";
import { ItemPicture } from "../quiz/item-picture";
import { HeatMap } from "../quiz/projector-picture";
import { optionsOf } from "../quiz/question";
import css from "./answer-charts.module.css";

export function AnswerCharts({ r }: { r: Results }) {
  return (
    <section class="stack" aria-labelledby="questions-title">
      <h2 id="questions-title">{t("results.questions")}</h2>
      <ol class={css.questions} data-part="questions">
        {r.items.map((q, n) => (
          <One key={q.id} q={q} n={n + 1} pupils={r.pupils} />
        ))}
      </ol>
    </section>
  );
}

const Words = ({ text }: { text: string }) => (
  <bdi>
    <MathText text={text} />
  </bdi>
);

interface Row {
  id: string;
  text: ComponentChildren;
  count: number;
  shape?: number;
  right?: boolean;
}

// rowsOf are the bars of a question. Orders and matches have one for each right place or pair.
function rowsOf(q: Question): Row[] {
  if (["text", "numeric"].includes(q.kind))
    return q.texts.map((x) => ({ id: x.text, text: <bdi>{x.text}</bdi>, count: x.n, right: x.right }));
  const options = optionsOf({ ...q, id: q.id });
  const nameOf = (id: string) => <Words text={options.find((o) => o.id === id)?.text ?? id} />;
  if (q.kind === "order")
    return q.right.map((id, i) => ({
      id,
      text: (
        <>
          <span class={css.place}>{formatNumber(i + 1)}</span> {nameOf(id)}
        </>
      ),
      count: q.counts[id] ?? 0,
    }));
  if (q.kind === "match")
    return (q.pairs ?? []).map((p) => ({
      id: p.left,
      text: (
        <>
          {nameOf(p.left)} <Icon icon={ArrowRight} mirrored /> <Words text={p.right} />
        </>
      ),
      count: q.counts[p.left] ?? 0,
    }));
  return options.map((o, i) => ({
    id: o.id,
    shape: i,
    text: (
      <>
        {o.image && <ItemPicture image={o.image} />} <Words text={o.text} />
      </>
    ),
    count: q.counts[o.id] ?? 0,
    right: q.right.includes(o.id),
  }));
}

// OnPicture shows the picture of a question: with all places that were chosen, or as each pupil drew on it.
function OnPicture({ q, pupils }: { q: Question; pupils: Pupil[] }) {
  const { image } = q;
  if (q.kind === "draw")
    return (
      <ul class={css.drawings} data-part="drawings">
        {pupils.map(
          (p) =>
            p.items[q.id] && (
              <li key={p.user}>
                <AnswerPicture item={q} strokes={p.items[q.id]!.response.strokes} />
                <bdi>{p.name}</bdi>
              </li>
            ),
        )}
      </ul>
    );
  return (
    image && (
      <div class={css.picture} style={{ "--ratio": image.w / image.h }}>
        <ItemPicture image={image} />
        {q.kind === "pin" && <HeatMap image={image} pins={q.pins ?? []} regions={q.regions ?? []} />}
      </div>
    )
  );
}

function One({ q, n, pupils }: { q: Question; n: number; pupils: Pupil[] }) {
  const all = Math.max(1, q.answered);
  const rows = rowsOf(q);
  const parts = q.kind === "order" ? "results.order" : q.kind === "match" ? "results.pairs" : "";
  return (
    <li class="card stack tight" data-question={q.id}>
      <h3>
        {formatNumber(n)}. <Words text={q.text} />
      </h3>
      <p class="muted">
        {t("results.answered", { n: q.answered, of: q.asked })}
        {q.graded && <> · {t("results.right", { share: formatShare(q.fraction) })}</>}
      </p>
      <OnPicture q={q} pupils={pupils} />
      {parts && <p>{t(parts)}</p>}
      {q.gaps && <GapBars q={q} gaps={q.gaps} all={all} />}
      <ul class={css.bars} data-bars hidden={!rows.length}>
        {rows.map((o) => (
          <li key={o.id}>
            <Bar
              n={o.shape}
              share={o.count / all}
              right={o.right ? t("quiz.right") : undefined}
              count={
                parts ? (
                  t("results.inPlace", { n: o.count, of: q.answered })
                ) : (
                  <span class={css.count}>
                    {formatNumber(o.count)} <small>{formatShare(o.count / all)}</small>
                  </span>
                )
              }
            >
              <span class={css.words}>{o.text}</span>
            </Bar>
          </li>
        ))}
      </ul>
      {["text", "numeric"].includes(q.kind) && q.right.length > 0 && (
        <p>
          {t("quiz.answer")} <Words text={q.right.join(" · ")} />
        </p>
      )}
    </li>
  );
}

// GapBars are the answers in each gap of a text.
const GapBars = ({ q, gaps, all }: { q: Question; gaps: GapResult[]; all: number }) => (
  <>
    <p>{t("results.gaps")}</p>
    {gaps.map((g, i) => (
      <div key={g.id} class="stack tight" data-gap={g.id}>
        <h4>
          <Words text={t("results.gap", { i: i + 1, text: g.right.slice(0, 3).join(" / ") })} />
        </h4>
        <p class="muted">{t("results.inPlace", { n: g.hits, of: q.answered })}</p>
        <ul class={css.bars}>
          {g.answers.map((a) => (
            <li key={a.text}>
              <Bar
                share={a.n / all}
                right={a.right ? t("quiz.right") : undefined}
                count={
                  <span class={css.count}>
                    {formatNumber(a.n)} <small>{formatShare(a.n / all)}</small>
                  </span>
                }
              >
                <span class={css.words}>
                  <bdi>{a.text}</bdi>
                </span>
              </Bar>
            </li>
          ))}
        </ul>
      </div>
    ))}
  </>
);

// useNarrow tells that there is no room for a table of marks.
function useNarrow(): boolean {
  const [query] = useState(() => matchMedia("(max-width: 900px)"));
  const [narrow, set] = useState(query.matches);
  useEffect(() => {
    const look = () => set(query.matches);
    query.addEventListener("change", look);
    return () => query.removeEventListener("change", look);
  }, []);
  return narrow;
}

// manyQuestions is more than fit next to each other on a laptop.
const manyQuestions = 16;

// MarksTable is pupils by questions. On a phone, and with many questions, each pupil has a row of
// marks with the numbers of the questions. The roles are for those: CSS takes the table's own away.
export function MarksTable({ r }: { r: Results }) {
  const narrow = useNarrow();
  const many = narrow || r.items.length > manyQuestions;
  return (
    <section class="card stack" aria-labelledby="table-title">
      <h2 id="table-title">{t("results.table")}</h2>
      {/* biome-ignore-start lint/a11y/noRedundantRoles: see above */}
      <table class={many ? `${css.table} ${css.many}` : css.table} role="table" data-part="marks">
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">
              {t("results.pupil")}
            </th>
            <th scope="col" role="columnheader">
              {t("results.score")}
            </th>
            {r.items.map((q, n) => (
              <th key={q.id} scope="col" role="columnheader">
                <abbr title={plainMath(q.text)} aria-label={t("results.questionN", { n: n + 1 })}>
                  {formatNumber(n + 1)}
                </abbr>
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {r.pupils.map((p) => (
            <tr key={p.user} class={p.absent ? css.away : ""} role="row">
              <th scope="row" role="rowheader">
                <bdi>{p.name}</bdi>
              </th>
              <td class={css.score} role="cell">
                {p.absent ? (
                  t("results.absent")
                ) : (
                  <bdi dir="ltr">
                    {formatNumber(p.score)} / {formatNumber(p.max)}
                  </bdi>
                )}
              </td>
              {!p.absent &&
                r.items.map((q, n) => <Cell key={q.id} n={n + 1} q={q} fraction={p.items[q.id]?.fraction} />)}
              {p.absent && <td role="cell" class={css.empty} colSpan={r.items.length} />}
            </tr>
          ))}
        </tbody>
      </table>
      {/* biome-ignore-end lint/a11y/noRedundantRoles: see above */}
    </section>
  );
}

function Cell({ n, q, fraction }: { n: number; q: Question; fraction?: number }) {
  const how =
    fraction === undefined
      ? "none"
      : !q.graded
        ? "given"
        : fraction > 0.999
          ? "right"
          : fraction > 0
            ? "part"
            : "wrong";
  const icon = { none: Minus, given: Dot, right: Check, wrong: X };
  return (
    // biome-ignore lint/a11y/noRedundantRoles: as above
    <td class={`${css.cell} ${css[how]}`} role="cell">
      <span class={css.number} aria-hidden="true">
        {n}
      </span>
      {how === "part" ? <span aria-hidden="true">{Math.round(fraction! * 100)}</span> : <Icon icon={icon[how]} />}
      <span class="visually-hidden">{t(`results.cell.${how}`)}</span>
    </td>
  );
}
