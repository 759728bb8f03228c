// The end of a lesson: who was there, what was known, who needs help, and the files.
import { useEffect, useState } from "preact/hooks";
import { Download } from "lucide";
import type { Fault } from "../api/http";
import type { BoxState } from "../api/box";
import { type Results, resultsAPI } from "../api/results";
import { clock, lang, t } from "../locales/i18n";
import { Menu } from "../components/menu";
import { PageLink } from "../components/page-link";
import { EmptyNote, ErrorNote, Loading } from "../components/feedback";
import { NamedIcon } from "../components/named-icon";
import { PageTitle } from "../components/page-title";
import { PageHeader } from "../components/page-header";
import { useStaff } from "../state/use-staff";
import { CloudStatus } from "../components/cloud-status";
import { JobProgress } from "../components/job-progress";
import { formatDay } from "../features/results/lesson-history";
import { AnswerCharts, MarksTable } from "../features/results/answer-charts";
import "./results.css";

export function ResultsPage({ state, arg }: { state: BoxState; arg: string }) {
  const staff = useStaff(state);
  const [got, setGot] = useState<Results | null>(null);
  const [job, setJob] = useState("");
  const [fault, setFault] = useState<Fault | null>(null);
  const load = async () => {
    setFault(null);
    try {
      setGot(await resultsAPI.results(arg));
    } catch (e) {
      if ((e as Fault).code !== "not_ready") return setFault(e as Fault);
      await resultsAPI.makeResults(arg).then((j) => setJob(j.id), setFault);
    }
  };
  useEffect(() => {
    if (staff) void load();
  }, [arg, staff]);
  if (!staff) return <main id="main" />;
  return (
    <>
      <PageHeader state={state} />
      <main id="main" class="page stack results">
        {fault && <ErrorNote fault={fault} retry={() => void load()} />}
        {!got &&
          !fault &&
          (job ? (
            <>
              <PageTitle>{t("results.making")}</PageTitle>
              <JobProgress
                id={job}
                over={(j) => {
                  if (j.state === "done") void resultsAPI.results(arg).then(setGot, setFault);
                }}
              />
            </>
          ) : (
            <Loading />
          ))}
        {got && <Shown r={got} id={arg} />}
      </main>
    </>
  );
}

const forms = [
  ["comma", { separator: "comma" }],
  ["semicolon", { separator: "semicolon" }],
  ["classroom", { form: "classroom" }],
  ["moodle", { form: "moodle" }],
] as const;

const minutes = (ms: number) => Math.max(0, Math.round(ms / 60000));

function Shown({ r, id }: { r: Results; id: string }) {
  const there = r.attendance.filter((a) => !a.absent);
  const [recorded, setRecorded] = useState(false);
  useEffect(
    () =>
      void resultsAPI.capsule(id).then(
        () => setRecorded(true),
        () => {},
      ),
    [id],
  );
  return (
    <>
      <div class="row between">
        <div>
          <PageTitle>
            <bdi>{r.lesson.title || r.lesson.className}</bdi>
          </PageTitle>
          <p class="muted">
            <bdi>{r.lesson.className}</bdi> · {formatDay(r.lesson.started)}
            {r.lesson.ended > 0 && <> – {clock(r.lesson.ended)}</>}
          </p>
        </div>
        <div class="row no-print">
          {recorded && (
            <PageLink class="button primary" href={`/capsule/${encodeURIComponent(id)}`}>
              {t("results.play")}
            </PageLink>
          )}
          <a class="button primary" href={resultsAPI.file(id, "csv", { lang: lang.value })} download>
            {t("results.csv")}
          </a>
          <a class="button" href={resultsAPI.file(id, "xlsx")} download>
            {t("results.xlsx")}
          </a>
          <button type="button" onClick={() => print()}>
            {t("results.print")}
          </button>
          <Menu
            label={t("results.forms")}
            text
            kind="secondary"
            icon={Download}
            items={forms.map(([key, query]) => ({
              label: t(`results.form.${key}`),
              onSelect: () => location.assign(resultsAPI.file(id, "csv", { lang: lang.value, ...query })),
            }))}
          />
        </div>
      </div>
      <div class="note ok no-print">
        <p>
          <NamedIcon name="saved" /> {t("results.saved")}
        </p>
        <CloudStatus />
      </div>
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
              <span>
                {a.absent ? t("results.absent") : t("results.minutes", { n: minutes(a.ms) })}
                {a.times > 1 && <small> · {t("results.times", { n: a.times })}</small>}
              </span>
            </li>
          ))}
        </ul>
      </section>
      {r.items.length === 0 ? (
        <section class="card">
          <EmptyNote>{t("results.nothing")}</EmptyNote>
        </section>
      ) : (
        <>
          <AnswerCharts r={r} />
          <MarksTable r={r} />
        </>
      )}
      <p class="no-print">
        <PageLink class="button" href="/teach">
          {t("results.home")}
        </PageLink>
      </p>
    </>
  );
}

function Help({ r }: { r: Results }) {
  const name = (user: string) => r.pupils.find((p) => p.user === user)?.name ?? "…";
  return (
    <section class="card stack" aria-labelledby="help-title">
      <h2 id="help-title">{t("results.help")}</h2>
      {r.help.length === 0 ? (
        <EmptyNote>{t("results.helpNone")}</EmptyNote>
      ) : (
        <ul class="stack tight">
          {r.help.map((h) => (
            <li key={h.user}>
              <strong>
                <bdi>{name(h.user)}</bdi>
              </strong>{" "}
              <span class="muted">{h.why.map((w) => t(`results.why.${w}`)).join(" · ")}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Hardest({ r }: { r: Results }) {
  const list = r.hardest
    .slice(0, 5)
    .map((id) => r.items.find((i) => i.id === id))
    .filter((i) => !!i);
  return (
    <section class="card stack" aria-labelledby="hardest-title">
      <h2 id="hardest-title">{t("results.hardest")}</h2>
      {list.length === 0 ? (
        <EmptyNote>{t("results.hardestNone")}</EmptyNote>
      ) : (
        <ol class="stack tight">
          {list.map((i) => (
            <li key={i.id}>
              <bdi>{i.text}</bdi> <strong>{t("results.right", { percent: Math.round(i.fraction * 100) })}</strong>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
