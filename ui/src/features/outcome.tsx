// What the class answered: bars for each question, and everybody's marks.
import { t } from "../core/i18n";
import { Icon } from "../core/kit";
import type { Question, Results } from "../core/after";
import { optionsOf, Shape } from "./question";

export function Questions({ r }: { r: Results }) {
  return (
    <section class="stack" aria-labelledby="questions-title">
      <h2 id="questions-title">{t("results.questions")}</h2>
      <ol class="stack outcome-list">{r.items.map((q, n) => <One key={q.id} q={q} n={n + 1} />)}</ol>
    </section>
  );
}

function One({ q, n }: { q: Question; n: number }) {
  const all = Math.max(1, q.answered);
  const rows = ["text", "numeric"].includes(q.kind)
    ? q.texts.map((x) => ({ id: x.text, shape: -1, text: x.text, count: x.n }))
    : optionsOf({ ...q, id: q.id }).map((o, i) => ({ id: o.id, shape: i, text: o.text, count: q.counts[o.id] ?? 0 }));
  const right = (id: string) => q.right.includes(id);
  return (
    <li class="card stack tight">
      <h3>{n}. <bdi>{q.text}</bdi></h3>
      <p class="muted">{t("results.answered", { n: q.answered, of: q.asked })}{q.graded && <> · {t("results.right", { percent: Math.round(q.fraction * 100) })}</>}</p>
      <ul class="bars">
        {rows.map((o) => (
          <li key={o.id}>
            {o.shape >= 0 ? <Shape n={o.shape} /> : <span />}
            <span class="bar-text"><bdi>{o.text}</bdi></span>
            <progress max={all} value={o.count} aria-hidden="true" />
            <span class="bar-count">{o.count} <small>{Math.round((100 * o.count) / all)} %</small></span>
            <span class="bar-right">{right(o.id) && <><Icon name="yes" /><span class="visually-hidden">{t("quiz.right")}</span></>}</span>
          </li>
        ))}
      </ul>
      {["text", "numeric"].includes(q.kind) && q.right.length > 0 && <p>{t("quiz.answer")} <bdi>{q.right.join(" · ")}</bdi></p>}
    </li>
  );
}

// Table is pupils by questions. It scrolls inside its own box.
export function Table({ r }: { r: Results }) {
  return (
    <section class="card stack" aria-labelledby="table-title">
      <h2 id="table-title">{t("results.table")}</h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="table-title">
        <table>
          <thead><tr><th scope="col">{t("results.pupil")}</th><th scope="col">{t("results.score")}</th>{r.items.map((q, n) => <th key={q.id} scope="col"><abbr title={q.text}>{n + 1}</abbr></th>)}</tr></thead>
          <tbody>
            {r.pupils.map((p) => (
              <tr key={p.user} class={p.absent ? "absent" : ""}>
                <th scope="row"><bdi>{p.name}</bdi></th>
                <td>{p.absent ? "–" : `${p.score} / ${p.max}`}</td>
                {r.items.map((q) => <Cell key={q.id} q={q} fraction={p.items[q.id]?.fraction} />)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Cell({ q, fraction }: { q: Question; fraction?: number }) {
  if (fraction === undefined) return <td class="none"><span aria-hidden="true">·</span><span class="visually-hidden">{t("results.cell.none")}</span></td>;
  if (!q.graded) return <td><Icon name="sent" /><span class="visually-hidden">{t("results.cell.given")}</span></td>;
  const how = fraction > 0.999 ? "right" : fraction > 0 ? "part" : "wrong";
  return <td class={`cell-${how}`}><span aria-hidden="true">{how === "right" ? "✓" : how === "part" ? `${Math.round(fraction * 100)}` : "✗"}</span><span class="visually-hidden">{t(`results.cell.${how}`)}</span></td>;
}
