// The end of a lesson: who was there, what was known, who needs help, and the files.
import { useEffect, useState } from "preact/hooks";
import { ChevronDown, Download, Play, Printer } from "lucide";
import type { Fault } from "../api/http";
import type { BoxState } from "../api/box";
import { type Results, resultsAPI } from "../api/results";
import { formatDay, formatShare, lang, t } from "../locales/i18n";
import { Menu } from "../components/menu";
import { Button } from "../components/button";
import { BackLink } from "../components/back-link";
import { ButtonLink } from "../components/button-link";
import { EmptyNote, ErrorNote, Loading } from "../components/feedback";
import { MathText } from "../components/math-text";
import { NamedIcon } from "../components/named-icon";
import { PageTitle } from "../components/page-title";
import { PageHeader } from "../components/page-header";
import { useStaff } from "../state/use-staff";
import { CloudStatus } from "../components/cloud-status";
import { JobProgress } from "../components/job-progress";
import { AnswerCharts, MarksTable } from "../features/results/answer-charts";
import css from "./results.module.css";

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
      <div class="no-print">
        <PageHeader state={state} />
      </div>
      <main id="main" class="page stack">
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

const stayed = (ms: number) => {
  const n = Math.round(ms / 60000);
  return n > 0 ? t("results.minutes", { n }) : t("results.moment");
};

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
      <BackLink href="/teach">{t("results.home")}</BackLink>
      <div class="row between">
        <div>
          <PageTitle>
            <bdi>{r.lesson.title || r.lesson.className}</bdi>
          </PageTitle>
          <p class="muted">
            <bdi>{r.lesson.className}</bdi> · <bdi>{formatDay(r.lesson.started, r.lesson.ended)}</bdi>
          </p>
        </div>
        <div class="row no-print">
          {recorded && (
            <ButtonLink kind="primary" icon={Play} href={`/capsule/${encodeURIComponent(id)}`}>
              {t("results.play")}
            </ButtonLink>
          )}
          <ButtonLink
            kind={recorded ? "secondary" : "primary"}
            icon={Download}
            href={resultsAPI.file(id, "xlsx")}
            download
          >
            {t("results.xlsx")}
          </ButtonLink>
          <ButtonLink icon={Download} href={resultsAPI.file(id, "csv", { lang: lang.value })} download>
            {t("results.csv")}
          </ButtonLink>
          <Button icon={Printer} onClick={() => print()}>
            {t("results.print")}
          </Button>
          <Menu
            label={t("results.forms")}
            text
            kind="secondary"
            icon={ChevronDown}
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
      <div class={css.pair}>
        <Help r={r} />
        <Hardest r={r} />
      </div>
      <section class="card stack" aria-labelledby="there-title">
        <h2 id="there-title">{t("results.there", { n: there.length, of: r.attendance.length })}</h2>
        <ul class={css.attendance} data-part="attendance">
          {r.attendance.map((a) => (
            <li key={a.user} class={a.absent ? css.absent : ""}>
              <bdi>{a.name}</bdi>
              <span>
                {a.absent ? t("results.absent") : stayed(a.ms)}
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
        <ul class={css.facts}>
          {r.help.map((h) => (
            <li key={h.user}>
              <strong>
                <bdi>{name(h.user)}</bdi>
              </strong>
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
        <ol class={css.facts}>
          {list.map((i) => (
            <li key={i.id}>
              <bdi>
                <MathText text={i.text} />
              </bdi>
              <strong>{t("results.right", { share: formatShare(i.fraction) })}</strong>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
