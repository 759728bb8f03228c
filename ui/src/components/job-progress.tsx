// A long task of the box, as it is now. The box owns it, so it survives a reload.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "./button";
import { type Fault, faultOf } from "../api/http";
import { explain, lang, span, t, textIfAny } from "../locales/i18n";
import { type Job as JobState, library } from "../api/library";
import { ErrorNote, showError } from "./feedback";
import css from "./job-progress.module.css";

export const isRunning = (j: JobState | null) => !!j && (j.state === "queued" || j.state === "running");

// useJob asks how a job is each second until it is over. A box that is away is asked
// again; a job that the box has forgotten is the fault.
export function useJob(id: string | undefined, over?: (j: JobState) => void): [JobState | null, Fault | null] {
  const [job, setJob] = useState<JobState | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const told = useRef(over);
  told.current = over;
  useEffect(() => {
    setJob(null);
    setFault(null);
    if (!id) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let here = true;
    const ask = () => {
      library.job(id).then(
        (j) => {
          if (!here) return;
          setJob(j);
          setFault(null);
          if (isRunning(j)) timer = setTimeout(ask, 1000);
          else told.current?.(j);
        },
        (f: Fault) => {
          if (!here) return;
          setFault(f);
          if (f.status === 0 || f.status >= 500 || f.status === 429) timer = setTimeout(ask, 3000);
        },
      );
    };
    ask();
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [id]);
  return [job, fault];
}

// JobProgress shows one job by its id and calls over once when the job has ended.
export function JobProgress({ id, over }: { id: string; over?: (j: JobState) => void }) {
  const [job, fault] = useJob(id, over);
  if (!job) return fault ? <ErrorNote fault={fault} /> : null;
  return <JobStatus job={job} fault={fault} />;
}

// JobStatus is a job that somebody else keeps asking for. fault: why the last asking failed.
export function JobStatus({ job, fault }: { job: JobState; fault?: Fault | null }) {
  const open = isRunning(job);
  const part = job.total > 0 ? Math.min(1, job.done / job.total) : null;
  const name = job.title || t(`job.kind.${job.kind}`);
  const cancel = () => void library.cancelJob(job.id).catch((f: Fault) => showError(f));
  return (
    <div class={css.job} data-job={job.state} role="group" aria-label={name}>
      <p class={css.head}>
        <strong>
          <bdi>{name}</bdi>
        </strong>
        <span>
          {/* Only the state is spoken: a number each second would be noise. */}
          <span role="status">{(open && textIfAny(`job.phase.${job.phase}`)) || t(`job.${job.state}`)}</span>
          {open && part !== null && <> {new Intl.NumberFormat(lang.value, { style: "percent" }).format(part)}</>}
          {open && job.eta > 0 && <> · {t("job.left", { time: span(job.eta) })}</>}
          {open && job.tries > 1 && <> · {t("job.try", { n: job.tries })}</>}
        </span>
      </p>
      {open && <progress aria-label={t("job.progress")} {...(part === null ? {} : { max: 1, value: part })} />}
      {open && <Button onClick={cancel}>{t("cancel")}</Button>}
      {open && fault && <p class="note warn">{explain(fault)}</p>}
      {job.state === "failed" && job.error && <p class="note bad">{explain(faultOf(job.error))}</p>}
    </div>
  );
}
