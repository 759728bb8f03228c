// The machine: how it started, what ended, and the ways to start it anew.
import { useState } from "preact/hooks";
import type { Fault } from "../core/api";
import { after, type Boot } from "../core/after";
import { lang, t } from "../core/i18n";
import { Confirm, Empty, Failed, Loading, maybe, tell, tellFault, useLoad } from "../core/kit";

const when = (at: string) => new Intl.DateTimeFormat(lang.value, { dateStyle: "short", timeStyle: "medium" }).format(new Date(at));
const ways = ["program", "machine", "off"] as const;

export function Machine({ turn }: { turn: number }) {
  const [boot, fault, again] = useLoad(after.boot, [turn]);
  return (
    <section class="card stack tight" aria-labelledby="boot-title" aria-busy={!boot && !fault}>
      <h2 id="boot-title">{t("admin.boot")}</h2>
      {fault && <Failed fault={fault} retry={again} />}
      {!boot && !fault && <Loading />}
      {boot && !boot.supported && <p class="muted">{t("admin.boot.none")}</p>}
      {boot?.state && <Started boot={boot.state} />}
    </section>
  );
}

function Started({ boot }: { boot: Boot }) {
  const [ask, setAsk] = useState("");
  const [force, setForce] = useState(false);
  const restart = () =>
    after.restart(ask, force).then(
      () => { tell(t("admin.boot.done")); setAsk(""); setForce(false); },
      (f: Fault) => { if (f.code === "lesson_open") setForce(true); else { tellFault(f); setAsk(""); } },
    );
  return (
    <>
      <p>{t("admin.boot.ready", { n: Math.round(boot.ready), name: boot.name, slot: boot.slot.toUpperCase() })} {boot.clock && t("admin.boot.clock", { source: maybe(`clock.${boot.clock}`) || boot.clock })}</p>
      <div class="row">
        {ways.map((w) => <button key={w} type="button" class={w === "off" ? "danger" : ""} onClick={() => setAsk(w)}>{t(`admin.boot.${w}`)}</button>)}
      </div>
      <details>
        <summary>{t("admin.boot.phases")}</summary>
        <ul class="checks">
          {boot.phases.map((p) => (
            <li key={p.name} class={p.err ? "check-warn" : ""}>
              <bdi dir="ltr" class="mono">{p.name}</bdi>
              <span class="check-text"><span dir="auto">{p.err || p.note}</span></span>
              <small dir="ltr">{Math.round(p.took / 1e6)} ms</small>
            </li>
          ))}
        </ul>
      </details>
      <details>
        <summary>{t("admin.boot.fails")}</summary>
        {!boot.failures?.length && <Empty>{t("admin.boot.noFails")}</Empty>}
        {boot.failures?.map((f) => (
          <div key={f.at}>
            <p>{when(f.at)} <bdi dir="ltr" class="mono">{f.what}</bdi>: <span dir="auto">{f.why}</span></p>
            {f.tail && <pre dir="ltr" tabIndex={0}>{f.tail}</pre>}
          </div>
        ))}
      </details>
      {boot.before && boot.before.length > 0 && (
        <details>
          <summary>{t("admin.boot.before")}</summary>
          <pre class="log" dir="ltr" tabIndex={0} aria-label={t("admin.boot.before")}>{boot.before.join("\n")}</pre>
        </details>
      )}
      {ask && <Confirm text={t(force ? "admin.boot.force" : `admin.boot.ask.${ask}`)} yes={t(`admin.boot.${ask}`)} onYes={restart} onNo={() => { setAsk(""); setForce(false); }} />}
    </>
  );
}
