// What in the network around the box is in the way: the findings of `livelearn doctor`, in the page's
// language. The box looks when the admin asks, and the page follows how far it is.
import { useEffect } from "preact/hooks";
import { CircleAlert, CircleCheck, CircleX } from "lucide";
import { adminAPI, type NetworkCheck as State, type NetworkFinding } from "../../api/admin";
import { Button } from "../../components/button";
import { ErrorNote, Loading } from "../../components/feedback";
import { useLoad, useTask } from "../../components/hooks";
import { Icon } from "../../components/icon";
import { lang, t, textIfAny } from "../../locales/i18n";
import { when } from "./part";
import shared from "./part.module.css";
import well from "./health.module.css";
import css from "./network-check.module.css";

const icons = { ok: CircleCheck, warn: CircleAlert, fail: CircleX };

export function NetworkCheck({ turn }: { turn: number }) {
  const [state, fault, again] = useLoad(adminAPI.networkCheck, [turn]);
  const [busy, startFault, run] = useTask();
  const running = !!state?.running;
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(again, 1000);
    return () => clearInterval(timer);
  }, [running]);
  const start = () => run(() => adminAPI.checkNetwork().then(again));
  return (
    <section class="card stack tight" aria-labelledby="net-check-title" aria-busy={!state && !fault}>
      <h2 id="net-check-title">{t("admin.netCheck")}</h2>
      <p class="muted">{t("admin.netCheck.why")}</p>
      {(fault ?? startFault) && <ErrorNote fault={(fault ?? startFault)!} retry={again} />}
      {state ? <Look state={state} /> : !fault && <Loading />}
      {state && (
        <div class="row">
          <Button busy={busy || running} onClick={start}>
            {t("admin.netCheck.start")}
          </Button>
        </div>
      )}
    </section>
  );
}

function Look({ state }: { state: State }) {
  const found = state.findings ?? [];
  const bad = found.filter((f) => f.level !== "ok");
  return (
    <>
      <p role="status">
        {state.running
          ? t("admin.netCheck.running")
          : state.at
            ? t("admin.netCheck.last", { time: when(state.at) })
            : t("admin.netCheck.never")}
      </p>
      {state.running && (
        <progress
          aria-label={t("admin.netCheck.progress")}
          {...(state.total ? { max: state.total, value: state.done } : {})}
        />
      )}
      {!!state.at && bad.length === 0 && (
        <p class={well.allWell}>
          <Icon icon={CircleCheck} /> {t("admin.netCheck.clear")}
        </p>
      )}
      <Findings list={bad} />
      {found.length > bad.length && (
        <details open={bad.length === 0}>
          <summary>{t("admin.netCheck.all")}</summary>
          <Findings list={found.filter((f) => f.level === "ok")} />
        </details>
      )}
    </>
  );
}

const Findings = ({ list }: { list: NetworkFinding[] }) =>
  list.length === 0 ? null : (
    <ul class={`${css.findings} ${shared.checks}`}>
      {list.map((f) => (
        <li key={f.code + JSON.stringify(f.vars)} class={`${css.finding} ${shared[f.level]}`} data-finding={f.code}>
          <span class={shared.level}>
            <Icon icon={icons[f.level]} /> {t(`admin.level.${f.level}`)}
          </span>
          <span class={css.text}>
            <span>{say(f, "")}</span>
            <span class="muted">{say(f, ".do")}</span>
            {f.guide && (
              <span>
                <a href={`/guide?lang=${lang.value}#${f.guide}`}>{t("admin.netCheck.guide")}</a>
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );

// say fills a text of a finding. Names and addresses keep their own direction (U+2068, U+2069).
function say(f: NetworkFinding, part: string): string {
  const vars = Object.entries(f.vars).map(([k, v]) => [k, `\u2068${v}\u2069`]);
  const key = `admin.netCheck.${f.code}${part}`;
  return textIfAny(key) && t(key, Object.fromEntries(vars));
}
