// What an import will add, before anything is saved: each question with its answers, and each part
// of the file that cannot come with its line and the reason.
import { Check, CircleAlert, Image, Info } from "lucide";
import type { ImportedQuestion, ImportNote } from "../../api/library";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { has, t } from "../../locales/i18n";
import type { Authored } from "../../state/quiz";
import { gapKeys } from "./gap-keys";
import { kindIcons, kindOf } from "./question-kinds";
import css from "./import-preview.module.css";

// answersOf are the answers of a question in words, with those that are right.
function answersOf(item: Authored): { text: string; right: boolean }[] {
  const { key } = item;
  const name = (id: string, list = item.options) => list?.find((o) => o.id === id)?.text ?? "";
  switch (kindOf(item)) {
    case "single":
    case "multi":
    case "poll":
      return (item.options ?? []).map((o) => ({ text: o.text, right: (key.weights?.[o.id] ?? 0) > 0 }));
    case "truefalse":
      return ["t", "f"].map((o) => ({
        text: t(o === "t" ? "quiz.true" : "quiz.false"),
        right: (key.weights?.[o] ?? 0) > 0,
      }));
    case "text":
      return (key.texts ?? []).map((a) => ({ text: a.text, right: a.weight > 0 }));
    case "numeric":
      return (key.numbers ?? []).map((r) => ({
        text: r.tolerance ? `${r.value} ± ${r.tolerance}` : String(r.value),
        right: r.weight > 0,
      }));
    case "order":
      return (key.order ?? []).map((id, i) => ({ text: `${i + 1}. ${name(id)}`, right: false }));
    case "match":
      return (item.options ?? []).map((o) => ({
        text: `${o.text} – ${name(key.pairs?.[o.id] ?? "", item.choices)}`,
        right: false,
      }));
    case "gaps":
      return gapKeys(item);
  }
  return [];
}

// explainNote is a reason in words.
function explainNote(n: ImportNote): string {
  const key = [`gift.${n.code}`, `exchange.${n.code}`, `edit.err.${n.code}`].find(has);
  return key ? t(key, { value: n.value ?? "" }) : n.message;
}

// LossList are reasons, each on a line.
export const LossList = ({ list }: { list: ImportNote[] }) => (
  <ul class={css.losses}>
    {list.map((n, i) => (
      <li key={i}>
        <Icon icon={Info} />
        <span>{explainNote(n)}</span>
      </li>
    ))}
  </ul>
);

const placeOf = (q: ImportedQuestion) => (
  <>
    {q.file && <bdi class="mono">{q.file}</bdi>}{" "}
    {q.line > 0 && <strong>{t("home.paste.line", { line: q.line })}</strong>}{" "}
  </>
);

export function ImportPreview({ items, questions }: { items: Authored[]; questions: ImportedQuestion[] }) {
  const refused = questions.filter((q) => q.fault);
  const read = questions.filter((q) => q.item >= 0 && q.item < items.length);
  return (
    <>
      {refused.length > 0 && (
        <section class={css.problems} aria-labelledby="import-problems">
          <h3 id="import-problems">
            <Icon icon={CircleAlert} /> {t("quizzes.cannot", { n: refused.length })}
          </h3>
          <ul>
            {refused.map((q, i) => (
              <li key={i}>
                {placeOf(q)}
                {q.text && <bdi class="mono">{q.text}</bdi>}
                <span>{explainNote(q.fault!)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {read.length > 0 && (
        <ol class={css.found} data-found>
          {read.map((q, i) => {
            const item = items[q.item]!;
            const kind = kindOf(item);
            const pictures = [item, ...(item.options ?? []), ...(item.choices ?? [])].filter((p) => p.image).length;
            return (
              <li key={i} data-loss={q.losses?.length ? "" : undefined}>
                <p class={css.kind}>
                  <b>{i + 1}</b> <Icon icon={kindIcons[kind]} /> {t(`edit.kind.${kind}`)}
                  {pictures > 0 && (
                    <span>
                      <Icon icon={Image} label={t("edit.picture")} /> {pictures}
                    </span>
                  )}
                </p>
                <p class={css.text}>
                  <bdi>
                    <MathText text={item.text} />
                  </bdi>
                </p>
                <ul class={css.answers}>
                  {answersOf(item).map((a, j) => (
                    <li key={j} data-right={a.right ? "" : undefined}>
                      <bdi>
                        <MathText text={a.text} />
                      </bdi>
                      {a.right && <Icon icon={Check} label={t("edit.right")} />}
                    </li>
                  ))}
                </ul>
                {q.losses && (
                  <div class={css.changed}>
                    <p>
                      {placeOf(q)}
                      {t("exchange.changed")}
                    </p>
                    <LossList list={q.losses} />
                  </div>
                )}
              </li>
            );
          })}
        </ol>
      )}
    </>
  );
}
