// A class list from a file: what would come of it first, then for good. Nothing is ever
// deleted by it.
import { useState } from "preact/hooks";
import type { Fault } from "../../api/http";
import { ArrowRight } from "lucide";
import { t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { Chip } from "../../components/chip";
import { Chips } from "../../components/chips";
import { Icon } from "../../components/icon";
import { ErrorNote, showMessage } from "../../components/feedback";
import { type ColumnChoice, type Imported, library } from "../../api/library";
import { StickyActions } from "../../components/sticky-actions";
import { FilePicker } from "../../components/file-upload";
import { ImportProblems, NameChips } from "./class-list-field";
import { ColumnMapper } from "./column-mapper";
import css from "./class-file-import.module.css";

const sum = (got: Imported, of: (c: Imported["classes"][0]) => unknown[]) =>
  got.classes.reduce((n, c) => n + of(c).length, 0);

// ClassFileImport picks a file, shows what it holds, and imports it. cls "" takes the classes that
// the file names. done is told what came of it.
export function ClassFileImport({ cls, done }: { cls: string; done: (got: Imported) => void }) {
  const [file, setFile] = useState<File | null>(null);
  const [got, setGot] = useState<Imported | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const [busy, setBusy] = useState(false);
  const [choice, setChoice] = useState<ColumnChoice>();
  const [asking, setAsking] = useState(false);
  const run = async (f: () => Promise<void>) => {
    setFault(null);
    setBusy(true);
    await f().catch((e: Fault) => setFault(e));
    setBusy(false);
  };
  const look = (f: File, columns?: ColumnChoice) => {
    setFile(f);
    setGot(null);
    setChoice(columns);
    void run(async () => {
      const found = await library.intake(f, cls, true, columns);
      setGot(found);
      setAsking(!!found.columns?.code);
    });
  };
  const shut = () => {
    setFile(null);
    setGot(null);
    setFault(null);
    setChoice(undefined);
    setAsking(false);
  };
  const take = () =>
    void run(async () => {
      const all = await library.intake(file!, cls, false, choice);
      showMessage(t("intake.done", { n: sum(all, (c) => c.added) }));
      shut();
      done(all);
    });
  const change =
    got && (sum(got, (c) => c.added) > 0 || sum(got, (c) => c.changed) > 0 || got.classes.some((c) => !c.id));
  return (
    <div class={`stack ${css.intake}`} data-part="intake">
      <div class="row">
        <FilePicker
          take={(l) => l[0] && look(l[0])}
          label={t(file ? "intake.other" : "intake.pick")}
          accept=".csv,.tsv,.txt,.xlsx,.ods,.zip"
          multiple={false}
        />
        {file && <bdi class="mono">{file.name}</bdi>}
      </div>
      <small>{t("intake.hint")}</small>
      <div class="stack" aria-live="polite">
        {busy && !got && <p>{t("intake.reading")}</p>}
        {fault && <ErrorNote fault={fault} />}
        {got?.columns?.remembered && !asking && <p class="note">{t("columns.remembered")}</p>}
        {got && !asking && <Preview got={got} file={file?.name ?? ""} />}
      </div>
      {got?.columns && asking && (
        <ColumnMapper
          key={file?.name}
          columns={got.columns}
          busy={busy}
          take={(meanings, headless) => look(file!, { meanings, headless })}
        />
      )}
      {got && (
        <StickyActions>
          {change && !asking && (
            <Button kind="primary" busy={busy} onClick={take}>
              {t("intake.take")}
            </Button>
          )}
          {got.columns && !asking && (
            <Button disabled={busy} onClick={() => setAsking(true)}>
              {t("columns.change")}
            </Button>
          )}
          <Button kind="quiet" disabled={busy} onClick={shut}>
            {t("cancel")}
          </Button>
        </StickyActions>
      )}
    </div>
  );
}

function Preview({ got, file }: { got: Imported; file: string }) {
  const nothing = got.classes.length > 0 && got.classes.every((c) => c.id && c.added.length + c.changed.length === 0);
  return (
    <>
      {got.classes.length === 0 && <p class="note warn">{t("intake.noClass")}</p>}
      {nothing && <p class="note">{t("intake.nothing")}</p>}
      {got.classes.map((c, i) => (
        <section key={i} class="stack tight" aria-labelledby={`intake-${i}`}>
          <h3 id={`intake-${i}`}>
            <bdi>{c.name}</bdi>
            {!c.id && <small> {t("intake.new")}</small>}
          </h3>
          <Chips>
            <Chip tone="ok">+ {t("home.paste.added", { n: c.added.length })}</Chip>
            {c.changed.length > 0 && <Chip tone="warn">~ {t("intake.changed", { n: c.changed.length })}</Chip>}
            {c.unchanged.length > 0 && <Chip>= {t("home.paste.unchanged", { n: c.unchanged.length })}</Chip>}
            {c.missing.length > 0 && <Chip>? {t("intake.missing", { n: c.missing.length })}</Chip>}
          </Chips>
          <NameChips names={c.added.map((p) => p.name)} label={t("home.paste.new")} />
          {c.changed.length > 0 && (
            <Chips label={t("intake.changedNames")}>
              {c.changed.map((p) => (
                <Chip key={p.id}>
                  <bdi>{p.from}</bdi> <Icon icon={ArrowRight} mirrored label={t("intake.becomes")} /> <bdi>{p.to}</bdi>
                </Chip>
              ))}
            </Chips>
          )}
          {c.missing.length > 0 && (
            <details>
              <summary>{t("intake.missing", { n: c.missing.length })}</summary>
              <NameChips names={c.missing.map((p) => p.name)} label={t("intake.missing", { n: c.missing.length })} />
            </details>
          )}
        </section>
      ))}
      {got.problems.length > 0 && (
        <p>
          <strong>! {t("intake.problems", { n: got.problems.length })}</strong>
        </p>
      )}
      <ImportProblems list={got.problems} file={file} />
    </>
  );
}
