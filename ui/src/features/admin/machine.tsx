// The machine: how it started, what stopped, and how to restart it or switch it off.
import { useState } from "preact/hooks";
import { Power, RefreshCw } from "lucide";
import type { Fault } from "../../api/http";
import { adminAPI, type Boot } from "../../api/admin";
import { t, textIfAny } from "../../locales/i18n";
import { Button } from "../../components/button";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { EmptyNote, showError, showMessage } from "../../components/feedback";
import { Part, when } from "./part";
import shared from "./part.module.css";

const ways = ["program", "machine", "off"] as const;

export const PowerButtons = ({ turn }: { turn: number }) => (
  <Part id="power" turn={turn} load={adminAPI.boot}>
    {(boot) => (boot.supported ? <Ways /> : <p class="muted">{t("admin.boot.none")}</p>)}
  </Part>
);

function Ways() {
  const [ask, setAsk] = useState("");
  const [force, setForce] = useState(false);
  const restart = () =>
    adminAPI.restart(ask, force).then(
      () => {
        showMessage(t("admin.boot.done"));
        setAsk("");
        setForce(false);
      },
      (f: Fault) => {
        if (f.code === "lesson_open") setForce(true);
        else {
          showError(f);
          setAsk("");
        }
      },
    );
  return (
    <>
      <div class="row">
        {ways.map((w) => (
          <Button
            key={w}
            kind={w === "off" ? "danger" : "secondary"}
            icon={w === "off" ? Power : RefreshCw}
            onClick={() => setAsk(w)}
          >
            {t(`admin.boot.${w}`)}
          </Button>
        ))}
      </div>
      {ask && (
        <ConfirmDialog
          text={t(force ? "admin.boot.force" : `admin.boot.ask.${ask}`)}
          yes={t(`admin.boot.${ask}`)}
          onYes={restart}
          onNo={() => {
            setAsk("");
            setForce(false);
          }}
        />
      )}
    </>
  );
}

export const LastStart = ({ turn }: { turn: number }) => (
  <Part id="boot" turn={turn} load={adminAPI.boot}>
    {(boot) => (boot.state ? <Started boot={boot.state} /> : <p class="muted">{t("admin.boot.none")}</p>)}
  </Part>
);

const Started = ({ boot }: { boot: Boot }) => (
  <>
    <p>
      {t("admin.boot.ready", { n: Math.round(boot.ready), name: boot.name, slot: boot.slot.toUpperCase() })}{" "}
      {boot.clock && t("admin.boot.clock", { source: textIfAny(`clock.${boot.clock}`) || boot.clock })}
    </p>
    <details>
      <summary>{t("admin.boot.phases")}</summary>
      <ul class={shared.checks}>
        {boot.phases.map((p) => (
          <li key={p.name} class={p.err ? shared.warn : ""}>
            <bdi dir="ltr" class="mono">
              {p.name}
            </bdi>
            <span class={shared.checkText}>
              <span dir="auto">{p.err || p.note}</span>
            </span>
            <small dir="ltr">{Math.round(p.took / 1e6)} ms</small>
          </li>
        ))}
      </ul>
    </details>
    <details>
      <summary>{t("admin.boot.fails")}</summary>
      {!boot.failures?.length && <EmptyNote>{t("admin.boot.noFails")}</EmptyNote>}
      {boot.failures?.map((f) => (
        <div key={f.at}>
          <p>
            {when(f.at)}{" "}
            <bdi dir="ltr" class="mono">
              {f.what}
            </bdi>
            : <span dir="auto">{f.why}</span>
          </p>
          {f.tail && (
            <pre dir="ltr" tabIndex={0}>
              {f.tail}
            </pre>
          )}
        </div>
      ))}
    </details>
    {boot.before && boot.before.length > 0 && (
      <details>
        <summary>{t("admin.boot.before")}</summary>
        <pre class="log" dir="ltr" tabIndex={0} role="region" aria-label={t("admin.boot.before")}>
          {boot.before.join("\n")}
        </pre>
      </details>
    )}
  </>
);
