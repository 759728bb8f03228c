// The background jobs of the box.
import { useEffect } from "preact/hooks";
import { t } from "../../locales/i18n";
import { EmptyNote, ErrorNote, Loading } from "../../components/feedback";
import { useLoad } from "../../components/hooks";
import { library, type Job as State } from "../../api/library";
import { JobStatus } from "../../components/job-progress";

export function Jobs({ turn }: { turn: number }) {
  const [list, fault, again] = useLoad(library.jobs, [turn]);
  const going = list?.some((j) => j.state === "queued" || j.state === "running");
  useEffect(() => {
    if (!going) return;
    const timer = setInterval(again, 2000);
    return () => clearInterval(timer);
  }, [going]);
  return (
    <section class="card stack" aria-labelledby="jobs-title">
      <h2 id="jobs-title">{t("jobs.title")}</h2>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && <EmptyNote>{t("jobs.empty")}</EmptyNote>}
      <ul class="stack tight">
        {list?.slice(0, 20).map((j: State) => (
          <li key={j.id}>
            <JobStatus job={j} />
          </li>
        ))}
      </ul>
    </section>
  );
}
