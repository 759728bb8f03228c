// A pasted class list: the field for it, and what would come of it.
import { useEffect, useState } from "preact/hooks";
import type { Added } from "../../api/box";
import type { Fault } from "../../api/http";
import { t, textIfAny } from "../../locales/i18n";
import { Chip } from "../../components/chip";
import { Chips } from "../../components/chips";
import { ErrorNote } from "../../components/feedback";
import css from "./class-list-field.module.css";

// useClassListPreview asks the box what would come of a pasted list, soon after the last key.
export function useClassListPreview(text: string, ask: (text: string) => Promise<Added>): [Added | null, Fault | null] {
  const [got, set] = useState<[Added | null, Fault | null]>([null, null]);
  useEffect(() => {
    if (!text.trim()) return set([null, null]);
    let here = true;
    const timer = setTimeout(() => {
      ask(text).then(
        (a) => here && set([a, null]),
        (f) => here && set([null, f]),
      );
    }, 350);
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [text]);
  return got;
}

// ClassListPreview is what would come of a pasted list, in words.
export function ClassListPreview({ added, fault }: { added: Added | null; fault: Fault | null }) {
  return (
    <div class={`stack ${css.preview}`} aria-live="polite">
      {fault && <ErrorNote fault={fault} />}
      {added && (
        <>
          <Chips>
            <Chip tone="ok">+ {t("home.paste.added", { n: added.added.length })}</Chip>
            {added.unchanged.length > 0 && <Chip>= {t("home.paste.unchanged", { n: added.unchanged.length })}</Chip>}
            {added.problems.length > 0 && (
              <Chip tone="warn">! {t("home.paste.problems", { n: added.problems.length })}</Chip>
            )}
          </Chips>
          <ImportProblems list={added.problems} />
          <NameChips names={added.added.map((p) => p.name)} label={t("home.paste.new")} />
        </>
      )}
    </div>
  );
}

export const NameChips = ({ names, label }: { names: string[]; label: string }) =>
  names.length > 0 ? (
    <Chips label={label}>
      {names.map((name, i) => (
        <Chip key={i}>
          <bdi>{name}</bdi>
        </Chip>
      ))}
    </Chips>
  ) : null;

interface Trouble {
  file?: string;
  line: number;
  text?: string;
  code: string;
  message: string;
}

const ofNames = (code: string) => textIfAny(`home.problem.${code}`);

// ImportProblems are the lines of a list or a file that are left out, each with its reason: why
// gives it for a code, and the box's own words stand in for those it does not know.
export function ImportProblems({
  list,
  file,
  why = ofNames,
}: {
  list: Trouble[];
  file?: string;
  why?: (code: string) => string;
}) {
  if (list.length === 0) return null;
  return (
    <ul class={css.problems} aria-label={t("home.paste.problems", { n: list.length })} tabIndex={0}>
      {list.map((p, i) => (
        <li key={i}>
          {p.file && p.file !== file && (
            <>
              <bdi class="mono">{p.file}</bdi> ·{" "}
            </>
          )}
          {p.line > 0 && <strong>{t("home.paste.line", { line: p.line })} </strong>}
          {p.text && <bdi class="mono">{p.text}</bdi>}
          {(p.line > 0 || p.text) && ": "}
          {why(p.code) || p.message}
        </li>
      ))}
    </ul>
  );
}

// ClassListField is the field for a pasted list.
export function ClassListField({ text, set }: { text: string; set: (v: string) => void }) {
  return (
    <div class="field">
      <label for="names">{t("home.paste.label")}</label>
      <textarea
        id="names"
        rows={6}
        value={text}
        dir={text ? "auto" : undefined /* an example is in the language of the page */}
        spellcheck={false}
        autoComplete="off"
        aria-describedby="names-hint"
        placeholder={t("home.paste.example")}
        onInput={(e) => set(e.currentTarget.value)}
      />
      <small id="names-hint">{t("home.paste.hint")}</small>
    </div>
  );
}
