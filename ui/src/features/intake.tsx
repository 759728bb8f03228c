// A class list from a file: what would come of it first, then for good. Nothing is ever
// deleted by it.
import { useState } from "preact/hooks";
import type { Fault } from "../core/api";
import { has, t } from "../core/i18n";
import { Failed, tell } from "../core/kit";
import { prepare, type Imported } from "../core/prepare";
import { Pick } from "./decks";

// Intake picks a file, shows what it holds, and imports it. cls "" takes the classes that
// the file names.
export function Intake({ cls, done }: { cls: string; done: (got: Imported) => void }) {
  const [file, setFile] = useState<File | null>(null);
  const [got, setGot] = useState<Imported | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const [busy, setBusy] = useState(false);
  const look = async (f: File) => {
    setFile(f);
    setGot(null);
    setFault(null);
    setBusy(true);
    try {
      setGot(await prepare.intake(f, cls, true));
    } catch (e) {
      setFault(e as Fault);
    }
    setBusy(false);
  };
  const take = async () => {
    if (!file) return;
    setBusy(true);
    try {
      const all = await prepare.intake(file, cls, false);
      tell(t("intake.done", { n: all.classes.reduce((sum, c) => sum + c.added.length, 0) }));
      setFile(null);
      setGot(null);
      done(all);
    } catch (e) {
      setFault(e as Fault);
    }
    setBusy(false);
  };
  const change = got?.classes.some((c) => c.added.length > 0 || c.changed.length > 0 || !c.id);
  return (
    <div class="stack intake">
      <div class="row"><Pick take={(l) => l[0] && void look(l[0])} label={t("intake.pick")} accept=".csv,.tsv,.txt,.xlsx,.zip" multiple={false} /><small>{t("intake.hint")}</small></div>
      {busy && <p role="status">{t("loading")}</p>}
      {fault && <Failed fault={fault} />}
      {got && <Preview got={got} />}
      {got && <button type="button" class="primary" disabled={busy || !change} onClick={() => void take()}>{t(change ? "intake.take" : "intake.nothing")}</button>}
    </div>
  );
}

function Preview({ got }: { got: Imported }) {
  return (
    <div class="stack" aria-live="polite">
      {got.classes.length === 0 && <p class="note warn">{t("intake.noClass")}</p>}
      {got.classes.map((c) => (
        <section key={c.name} class="stack tight" aria-label={c.name}>
          <h3><bdi>{c.name}</bdi></h3>
          <ul class="row preview-counts">
            <li class="pill ok">+ {t("home.paste.added", { n: c.added.length })}</li>
            {c.changed.length > 0 && <li class="pill warn">~ {t("intake.changed", { n: c.changed.length })}</li>}
            {c.unchanged.length > 0 && <li class="pill">= {t("home.paste.unchanged", { n: c.unchanged.length })}</li>}
            {c.missing.length > 0 && <li class="pill">{t("intake.missing", { n: c.missing.length })}</li>}
          </ul>
          {c.added.length > 0 && <ul class="chips" aria-label={t("home.paste.new")}>{c.added.map((p) => <li key={p.name}><bdi>{p.name}</bdi></li>)}</ul>}
          {c.changed.length > 0 && <ul class="problems">{c.changed.map((p) => <li key={p.id}><bdi>{p.from}</bdi> → <bdi>{p.to}</bdi></li>)}</ul>}
        </section>
      ))}
      {got.problems.length > 0 && (
        <ul class="problems" aria-label={t("home.paste.problems", { n: got.problems.length })}>
          {got.problems.map((p) => (
            <li key={`${p.file}:${p.line}:${p.code}`}><strong>{p.file && <bdi>{p.file} · </bdi>}{t("home.paste.line", { line: p.line })}</strong> <bdi class="mono">{p.text}</bdi>: {has(`home.problem.${p.code}`) ? t(`home.problem.${p.code}`) : p.message}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
