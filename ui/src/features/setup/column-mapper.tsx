// The columns of a list that the box understood by half: what each means, with its first rows. The
// box remembers the choice for the next list with the same headings.
import { useState } from "preact/hooks";
import type { Columns } from "../../api/library";
import { Button } from "../../components/button";
import { t } from "../../locales/i18n";
import css from "./column-mapper.module.css";

const meanings = [
  "other",
  "full",
  "given",
  "family",
  "middle",
  "preferred",
  "class",
  "year",
  "section",
  "id",
  "email",
  "role",
] as const;

const names = ["full", "given", "family", "preferred"];

// ColumnMapper asks what the columns mean. take gets a word for each column, and whether the first
// line is a pupil.
export function ColumnMapper({
  columns,
  busy,
  take,
}: {
  columns: Columns;
  busy: boolean;
  take: (meanings: string[], headless: boolean) => void;
}) {
  const [chosen, setChosen] = useState(columns.meanings);
  const [headless, setHeadless] = useState(columns.headings.length === 0);
  const twice = chosen.find((m, i) => m !== "other" && m !== "middle" && chosen.indexOf(m) !== i);
  const named = chosen.some((m) => names.includes(m));
  return (
    <form
      class={css.mapper}
      aria-labelledby="columns-title"
      onSubmit={(e) => {
        e.preventDefault();
        take(chosen, headless);
      }}
    >
      <h3 id="columns-title">{t("columns.title")}</h3>
      {columns.code && <p>{t(`columns.${columns.code as "half_name" | "no_header" | "half_class"}`)}</p>}
      <ul class={css.columns}>
        {chosen.map((meaning, i) => (
          <li key={i}>
            <label for={`column-${i}`}>
              <bdi>{columns.headings[i] || t("columns.number", { n: i + 1 })}</bdi>
            </label>
            <select
              id={`column-${i}`}
              value={meaning}
              aria-describedby={`column-${i}-rows`}
              onChange={(e) => {
                const word = e.currentTarget.value;
                setChosen(chosen.map((m, at) => (at === i ? word : m)));
              }}
            >
              {meanings.map((m) => (
                <option key={m} value={m}>
                  {t(`columns.means.${m}`)}
                </option>
              ))}
            </select>
            <ul id={`column-${i}-rows`} class={css.rows} aria-label={t("columns.rows")}>
              {columns.samples.map((row, at) => (
                <li key={at}>
                  <bdi>{row[i] || "–"}</bdi>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
      {columns.headings.length > 0 && (
        <label class="check">
          <input type="checkbox" checked={headless} onChange={(e) => setHeadless(e.currentTarget.checked)} />{" "}
          {t("columns.headless")}
        </label>
      )}
      <p class={css.fault} aria-live="polite">
        {twice
          ? t("columns.twice", { name: t(`columns.means.${twice as (typeof meanings)[number]}`) })
          : !named && t("columns.noName")}
      </p>
      <Button type="submit" kind="primary" disabled={busy || !named || twice !== undefined}>
        {t("columns.preview")}
      </Button>
    </form>
  );
}
