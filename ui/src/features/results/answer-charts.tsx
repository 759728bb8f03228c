// What the class answered: bars for each question, and everybody's marks.
import type { ComponentChildren } from "preact";
import { ArrowRight, Check, Dot, Minus, X } from "lucide";
import { formatNumber, t } from "../../locales/i18n";
import { Icon } from "../../components/icon";
import { NamedIcon } from "../../components/named-icon";
import type { Question, Results } from "../../api/results";
import { OptionShape, optionsOf } from "../quiz/question";

export function AnswerCharts({ r }: { r: Results }) {
  return (
    <section class="stack" aria-labelledby="questions-title">
      <h2 id="questions-title">{t("results.questions")}</h2>
      <ol class="stack outcome-list">
        {r.items.map((q, n) => (
          <One key={q.id} q={q} n={n + 1} />
        ))}
      </ol>
    </section>
  );
}

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
  const nameOf = (id: string) => <bdi>{options.find((o) => o.id === id)?.text ?? id}</bdi>;
  if (q.kind === "order")
    return q.right.map((id, i) => ({
      id,
      text: (
        <>
          <span class="place">{i + 1}</span> {nameOf(id)}
        </>
      ),
      count: q.counts[id] ?? 0,
    }));
  if (q.kind === "match")
    return (q.pairs ?? []).map((p) => ({
      id: p.left,
      text: (
        <>
          {nameOf(p.left)} <Icon icon={ArrowRight} mirrored /> <bdi>{p.right}</bdi>
        </>
      ),
      count: q.counts[p.left] ?? 0,
    }));
  return options.map((o, i) => ({
    id: o.id,
    shape: i,
    text: <bdi>{o.text}</bdi>,
    count: q.counts[o.id] ?? 0,
    right: q.right.includes(o.id),
  }));
}

function One({ q, n }: { q: Question; n: number }) {
  const all = Math.max(1, q.answered);
  const parts = q.kind === "order" ? "results.order" : q.kind === "match" ? "results.pairs" : "";
  return (
    <li class="card stack tight">
      <h3>
        {n}. <bdi>{q.text}</bdi>
      </h3>
      <p class="muted">
        {t("results.answered", { n: q.answered, of: q.asked })}
        {q.graded && <> · {t("results.right", { percent: Math.round(q.fraction * 100) })}</>}
      </p>
      {parts && <p>{t(parts)}</p>}
      <ul class="bars">
        {rowsOf(q).map((o) => (
          <li key={o.id}>
            {o.shape === undefined ? <span /> : <OptionShape n={o.shape} />}
            <span class="bar-text">{o.text}</span>
            <progress max={all} value={o.count} aria-hidden="true" />
            <span class="bar-count">
              {parts ? (
                t("results.inPlace", { n: o.count, of: q.answered })
              ) : (
                <>
                  {o.count} <small>{Math.round((100 * o.count) / all)} %</small>
                </>
              )}
            </span>
            <span class="bar-right">
              {o.right && (
                <>
                  <NamedIcon name="yes" />
                  <span class="visually-hidden">{t("quiz.right")}</span>
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
      {["text", "numeric"].includes(q.kind) && q.right.length > 0 && (
        <p>
          {t("quiz.answer")} <bdi>{q.right.join(" · ")}</bdi>
        </p>
      )}
    </li>
  );
}

// manyQuestions is more than fit next to each other on a laptop.
const manyQuestions = 16;

// MarksTable is pupils by questions. On a phone, and with many questions, each pupil has a row of
// marks with the numbers of the questions. The roles are for those: CSS takes the table's own away.
export function MarksTable({ r }: { r: Results }) {
  return (
    <section class="card stack" aria-labelledby="table-title">
      <h2 id="table-title">{t("results.table")}</h2>
      {/* biome-ignore-start lint/a11y/noRedundantRoles: see above */}
      <table class={r.items.length > manyQuestions ? "mark-table mark-table-many" : "mark-table"} role="table">
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
                <abbr title={q.text} aria-label={t("results.questionN", { n: n + 1 })}>
                  {n + 1}
                </abbr>
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {r.pupils.map((p) => (
            <tr key={p.user} class={p.absent ? "absent" : ""} role="row">
              <th scope="row" role="rowheader">
                <bdi>{p.name}</bdi>
              </th>
              <td class="mark-score" role="cell">
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
              {p.absent && <td role="cell" class="mark-absent" colSpan={r.items.length} />}
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
    <td class={`mark-cell cell-${how}`} role="cell">
      <span class="mark-n" aria-hidden="true">
        {n}
      </span>
      {how === "part" ? <span aria-hidden="true">{Math.round(fraction! * 100)}</span> : <Icon icon={icon[how]} />}
      <span class="visually-hidden">{t(`results.cell.${how}`)}</span>
    </td>
  );
}
