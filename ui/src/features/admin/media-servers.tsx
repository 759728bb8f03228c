// The media servers: which one carries the lessons, how much it can take, and a new start
// that nobody sees.
import { useEffect, useState } from "preact/hooks";
import { Button } from "../../components/button";
import { adminAPI } from "../../api/admin";
import { t } from "../../locales/i18n";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { EmptyNote, ErrorNote, Loading, showError, showMessage } from "../../components/feedback";
import { useLoad } from "../../components/hooks";
import shared from "./part.module.css";

const marks: { [standing: string]: string } = { charge: "●", standby: "○", draining: "◐", starting: "◔", away: "✕" };

export function MediaServers({ turn }: { turn: number }) {
  const [nodes, fault, again] = useLoad(adminAPI.nodes, [turn]);
  const [asked, setAsked] = useState("");
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && again(), 5000);
    return () => clearInterval(timer);
  }, [turn]);
  const drain = (name: string) => {
    setAsked("");
    adminAPI.drain(name).then(() => {
      showMessage(t("admin.media.fresh", { name }));
      again();
    }, showError);
  };
  const other = (name: string) =>
    nodes?.some((n) => n.name !== name && (n.standing === "standby" || n.standing === "charge"));
  return (
    <section class="card stack tight" aria-labelledby="media-title" aria-busy={!nodes && !fault}>
      <h2 id="media-title">{t("admin.media")}</h2>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!nodes && !fault && <Loading />}
      {nodes?.length === 0 && <EmptyNote>{t("admin.media.none")}</EmptyNote>}
      {nodes && nodes.length > 0 && (
        <ul class={shared.checks}>
          {nodes.map((n) => (
            <li key={n.name}>
              <span class={shared.level}>
                <span aria-hidden="true">{marks[n.standing]}</span> {t(`admin.media.${n.standing}`)}
              </span>
              <span class={shared.checkText}>
                <strong dir="ltr">{n.name}</strong>
                <span>
                  {t("admin.media.load", {
                    watchers: n.load.watchers,
                    of: n.load.capacity,
                    publishers: n.load.publishers,
                    cpu: Math.round(n.load.cpu * 100),
                  })}
                </span>
                <meter
                  min={0}
                  max={Math.max(1, n.load.capacity)}
                  high={n.load.capacity * 0.8}
                  value={n.load.watchers}
                  aria-label={t("admin.media.meter", { name: n.name })}
                />
                <small dir="ltr">
                  {[n.load.path, n.load.gso ? "GSO" : "", n.load.profile].filter(Boolean).join(" · ")}
                </small>
                <small>
                  {t("admin.media.sent", {
                    out: n.load.packetsOut,
                    again: n.load.retransmits,
                    dropped: n.load.dropped,
                    restarts: n.restarts,
                  })}
                </small>
                <Button disabled={!other(n.name)} onClick={() => setAsked(n.name)}>
                  {t("admin.media.drain")}
                </Button>
              </span>
            </li>
          ))}
        </ul>
      )}
      {asked && (
        <ConfirmDialog
          text={t("admin.media.ask", { name: asked })}
          yes={t("admin.media.drain")}
          onYes={() => drain(asked)}
          onNo={() => setAsked("")}
        />
      )}
    </section>
  );
}
