// A long task of the box, as it is now. The box owns it, so it survives a reload.
import { useEffect, useRef, useState } from "preact/hooks";
import { faultOf, type Fault } from "../core/api";
import { explain, span, t } from "../core/i18n";
import { tellFault } from "../core/kit";
import { prepare, type Job as JobState } from "../core/prepare";
import "./job.css";

// useJob asks how a job is each second until it is over.
export function useJob(id: string | undefined, over?: (j: JobState) => void): JobState | null {
  const [job, setJob] = useState<JobState | null>(null);
  const told = useRef(over);
  told.current = over;
  useEffect(() => {
    setJob(null);
    if (!id) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let here = true;
    const ask = () => {
      prepare.job(id).then(
        (j) => {
          if (!here) return;
          setJob(j);
          if (j.state === "queued" || j.state === "running") timer = setTimeout(ask, 1000);
          else told.current?.(j);
        },
        (f: Fault) => {
          if (here && f.reason !== "missing") timer = setTimeout(ask, 3000);
        },
      );
    };
    ask();
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [id]);
  return job;
}

export function Job({ id, over }: { id: string; over?: (j: JobState) => void }) {
  const job = useJob(id, over);
  return job ? <Shown job={job} /> : null;
}

export function Shown({ job }: { job: JobState }) {
  const going = job.state === "queued" || job.state === "running";
  const percent = job.total > 0 ? Math.round((100 * job.done) / job.total) : null;
  const cancel = () => void prepare.cancelJob(job.id).catch((f: Fault) => tellFault(f));
  return (
    <div class={`job job-${job.state}`}>
      <p class="job-head">
        <strong><bdi>{job.title || t(`job.kind.${job.kind}`)}</bdi></strong>
        <span role="status">
          {t(`job.${job.state}`)}{going && percent !== null && <> {percent} %</>}
          {going && job.eta > 0 && <> · {t("job.left", { time: span(job.eta) })}</>}
          {job.tries > 1 && going && <> · {t("job.try", { n: job.tries })}</>}
        </span>
      </p>
      {going && <progress aria-label={t("job.progress")} {...(percent === null ? {} : { max: 100, value: percent })} />}
      {going && <button type="button" onClick={cancel}>{t("cancel")}</button>}
      {job.state === "failed" && job.error && <p class="note bad">{explain(faultOf(job.error))}</p>}
    </div>
  );
}
