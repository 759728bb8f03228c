// The end of a lesson: who was there, what was known, who needs help, and the files.
import { useEffect, useState } from "preact/hooks";
import type { Fault, State } from "../core/api";
import { after, type Results } from "../core/after";
import { clock, t } from "../core/i18n";
import { A, Empty, Failed, Icon, Loading, Title } from "../core/kit";
import { Topbar, useStaff } from "../features/frame";
import { InCloud } from "../features/incloud";
import { Job } from "../features/job";
import { day } from "../features/past";
import { Questions, Table } from "../features/outcome";
import "./results.css";

export function ResultsPage({ state, arg }: { state: State; arg: string }) {
  const staff = useStaff(state);
  const [got, setGot] = useState<Results | null>(null);
  const [job, setJob] = useState("");
  const [fault, setFault] = useState<Fault | null>(null);
  const load = async () => {
    setFault(null);
    try {
      setGot(await after.results(arg));
    } catch (e) {
      if ((e as Fault).code !== "not_ready") return setFault(e as Fault);
      await after.makeResults(arg).then((j) => setJob(j.id), setFault);
    }
  };
  useEffect(() => {
    if (staff) void load();
  }, [arg, staff]);
  if (!staff) return <main id="main" />;
  return (
    <>
      <Topbar state={state} />
      <main id="main" class="page stack results">
        {fault && <Failed fault={fault} retry={() => void load()} />}
        {!got && !fault && (job ? (
          <><Title>{t("results.making")}</Title><Job id={job} over={(j) => { if (j.state === "done") void after.results(arg).then(setGot, setFault); }} /></>
        ) : <Loading />)}
        {got && <Shown r={got} id={arg} />}
      </main>
    </>
  );
}

const minutes = (ms: number) => Math.max(0, Math.round(ms / 60000));

function Shown({ r, id }: { r: Results; id: string }) {
  const there = r.attendance.filter((a) => !a.absent);
  const [recorded, setRecorded] = useState(false);
  useEffect(() => void after.capsule(id).then(() => setRecorded(true), () => {}), [id]);
  return (
    <>
      <div class="row between">
        <div><Title><bdi>{r.lesson.title || r.lesson.className}</bdi></Title>
          <p class="muted"><bdi>{r.lesson.className}</bdi> · {day(r.lesson.started)}{r.lesson.ended > 0 && <> – {clock(r.lesson.ended)}</>}</p></div>
        <div class="row no-print">
          {recorded && <A class="button primary" href={`/capsule/${encodeURIComponent(id)}`}>{t("results.play")}</A>}
          <a class="button primary" href={after.file(id, "csv")} download>{t("results.csv")}</a>
          <a class="button" href={after.file(id, "xlsx")} download>{t("results.xlsx")}</a>
          <button type="button" onClick={() => print()}>{t("results.print")}</button>
        </div>
      </div>
      <div class="note ok no-print"><p><Icon name="saved" /> {t("results.saved")}</p><InCloud /></div>
      <div class="results-grid">
        <Help r={r} />
        <Hardest r={r} />
      </div>
      <section class="card stack" aria-labelledby="there-title">
        <h2 id="there-title">{t("results.there", { n: there.length, of: r.attendance.length })}</h2>
        <ul class="attendance">
          {r.attendance.map((a) => (
            <li key={a.user} class={a.absent ? "absent" : ""}>
              <bdi>{a.name}</bdi>
              <span>{a.absent ? t("results.absent") : t("results.minutes", { n: minutes(a.ms) })}{a.times > 1 && <small> · {t("results.times", { n: a.times })}</small>}</span>
            </li>
          ))}
        </ul>
      </section>
      {r.items.length === 0 ? <section class="card"><Empty>{t("results.nothing")}</Empty></section> : <><Questions r={r} /><Table r={r} /></>}
      <p class="no-print"><A class="button" href="/teach">{t("results.home")}</A></p>
    </>
  );
}

function Help({ r }: { r: Results }) {
  const name = (user: string) => r.pupils.find((p) => p.user === user)?.name ?? "…";
  return (
    <section class="card stack" aria-labelledby="help-title">
      <h2 id="help-title">{t("results.help")}</h2>
      {r.help.length === 0 ? <Empty>{t("results.helpNone")}</Empty> : (
        <ul class="stack tight">{r.help.map((h) => <li key={h.user}><strong><bdi>{name(h.user)}</bdi></strong> <span class="muted">{h.why.map((w) => t(`results.why.${w}`)).join(" · ")}</span></li>)}</ul>
      )}
    </section>
  );
}

function Hardest({ r }: { r: Results }) {
  const list = r.hardest.slice(0, 5).map((id) => r.items.find((i) => i.id === id)).filter((i) => !!i);
  return (
    <section class="card stack" aria-labelledby="hardest-title">
      <h2 id="hardest-title">{t("results.hardest")}</h2>
      {list.length === 0 ? <Empty>{t("results.hardestNone")}</Empty> : (
        <ol class="stack tight">{list.map((i) => <li key={i.id}><bdi>{i.text}</bdi> <strong>{t("results.right", { percent: Math.round(i.fraction * 100) })}</strong></li>)}</ol>
      )}
    </section>
  );
}
