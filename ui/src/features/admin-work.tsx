// Background jobs of the box, and what may be asked about one pupil.
import { useEffect, useState } from "preact/hooks";
import { api, type Fault, type Pupil } from "../core/api";
import { after } from "../core/after";
import { t } from "../core/i18n";
import { Empty, Failed, Loading, useLoad, useTask, General } from "../core/kit";
import { prepare, type Job as State } from "../core/prepare";
import { Sheet } from "./frame";
import { Job, Shown } from "./job";

export function Jobs({ turn }: { turn: number }) {
  const [list, fault, again] = useLoad(prepare.jobs, [turn]);
  const going = list?.some((j) => j.state === "queued" || j.state === "running");
  useEffect(() => {
    if (!going) return;
    const timer = setInterval(again, 2000);
    return () => clearInterval(timer);
  }, [going]);
  return (
    <section class="card stack" aria-labelledby="jobs-title">
      <h2 id="jobs-title">{t("jobs.title")}</h2>
      {fault && <Failed fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && <Empty>{t("jobs.empty")}</Empty>}
      <ul class="stack tight">{list?.slice(0, 20).map((j: State) => <li key={j.id}><Shown job={j} /></li>)}</ul>
    </section>
  );
}

// Privacy is what the law lets a pupil ask for: all that is kept, and that it goes away.
export function Privacy() {
  const [classes, fault, again] = useLoad(api.classes);
  const [id, setID] = useState("");
  const [ask, setAsk] = useState<Pupil | null>(null);
  const [job, setJob] = useState("");
  const pupils = (classes ?? []).flatMap((c) => c.pupils.map((p) => ({ ...p, cls: c.name })));
  const who = pupils.find((p) => p.id === id);
  return (
    <section class="card stack" aria-labelledby="privacy-title">
      <h2 id="privacy-title">{t("privacy.title")}</h2>
      <p class="muted">{t("privacy.why")}</p>
      {fault && <Failed fault={fault} retry={again} />}
      <div class="row">
        <select class="privacy-who" aria-label={t("privacy.who")} value={id} onChange={(e) => setID(e.currentTarget.value)}>
          <option value="">{t("privacy.who")}</option>
          {pupils.map((p) => <option key={p.id} value={p.id}>{`${p.name} (${p.cls})`}</option>)}
        </select>
        {who && <a class="button" href={after.exportFile(who.id)} download>{t("privacy.export")}</a>}
        {who && <button type="button" class="danger" onClick={() => setAsk(who)}>{t("privacy.erase")}</button>}
      </div>
      {job && <Job id={job} over={again} />}
      {ask && <Erase who={ask} close={() => setAsk(null)} begun={(j) => { setAsk(null); setID(""); setJob(j); }} />}
    </section>
  );
}

function Erase({ who, close, begun }: { who: Pupil; close: () => void; begun: (job: string) => void }) {
  const [name, setName] = useState("");
  const [busy, fault, run] = useTask();
  return (
    <Sheet title={t("privacy.erase")} onClose={close}>
      <form class="stack" noValidate onSubmit={(e) => { e.preventDefault(); void run(async () => { const j = await after.erase(who.id, name.trim()); begun(j.id); }); }}>
        <p>{t("privacy.eraseAsk", { name: `\u2068${who.name}\u2069` })}</p>
        <label class="field"><span>{t("privacy.type")}</span><input type="text" value={name} autoComplete="off" onInput={(e) => setName(e.currentTarget.value)} /></label>
        <General fault={fault as Fault | null} fields={[]} />
        <button type="submit" class="danger" disabled={busy || name.trim() !== who.name}>{t("privacy.eraseYes")}</button>
      </form>
    </Sheet>
  );
}
