// Updates: the version that runs, the one that comes, and how the last one went.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../components/button";
import type { Fault } from "../../api/http";
import { adminAPI, type Update } from "../../api/admin";
import { formatTime, t, textIfAny } from "../../locales/i18n";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { ErrorNote, Loading, showError, showMessage } from "../../components/feedback";
import { useLoad } from "../../components/hooks";

const mega = (n: number) => Math.round(n / 1e6);
const when = (at: string) => formatTime(at, { dateStyle: "short", timeStyle: "short" });
const tries = 6;

// send sends a file, and goes on where the box has it when the connection drops.
async function send(file: File): Promise<void> {
  for (let at = 0, n = 1; ; n++) {
    try {
      return await adminAPI.sendUpdate(file, at);
    } catch (f) {
      const fault = f as Fault;
      if ((fault.code !== "offset" && fault.code !== "offline" && fault.code !== "truncated") || n === tries)
        throw fault;
      if (fault.code !== "offset") await new Promise((done) => setTimeout(done, n * 1000));
      const now = await adminAPI.update().catch(() => null);
      // A box that refuses stops reading, which a browser sees as a connection that was lost.
      if (now?.state === "idle" && now.last?.result === "refused") throw fault;
      at = now?.state === "receiving" ? now.received : at;
    }
  }
}

export function Updates({ turn }: { turn: number }) {
  const [now, fault, again] = useLoad(adminAPI.update, [turn]);
  const busy = !!now && ["receiving", "restarting", "trying"].includes(now.state);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && again(), busy ? 1000 : 5000);
    return () => clearInterval(timer);
  }, [turn, busy]);
  return (
    <section class="card stack tight" aria-labelledby="update-title" aria-busy={!now && !fault}>
      <h2 id="update-title">{t("admin.update")}</h2>
      {fault &&
        (now?.state === "restarting" ? (
          <p role="status">{t("admin.update.restarting")}</p>
        ) : (
          <ErrorNote fault={fault} retry={again} />
        ))}
      {!now && !fault && <Loading />}
      {now && !now.supported && <p class="muted">{t(`admin.update.${now.why}`)}</p>}
      {now?.supported && <Supported now={now} again={again} />}
    </section>
  );
}

function Supported({ now, again }: { now: Update; again: () => void }) {
  const [ask, setAsk] = useState<"" | "install" | "back">("");
  const done = (p: Promise<void>) =>
    p.catch(showError).then(() => {
      setAsk("");
      again();
    });
  const next = now.next?.version ?? "";
  return (
    <>
      <p>
        {t("admin.update.runs", { version: now.version })}{" "}
        {now.kept &&
          (now.kept.version ? t("admin.update.kept", { version: now.kept.version }) : t("admin.update.keptSlot"))}
      </p>
      {now.trying && (
        <p class="note" role="status">
          {t("admin.update.trying")}
        </p>
      )}
      {now.last && <Last last={now.last} />}
      {now.channel && (
        <p class="muted">
          {now.channel.err ? (
            <span dir="auto">{now.channel.err}</span>
          ) : (
            <>
              {t("admin.update.channel", { version: now.channel.version ?? "", percent: now.channel.percent })}{" "}
              {t(now.channel.mine ? "admin.update.mine" : "admin.update.notMine")}
            </>
          )}
        </p>
      )}
      {now.state === "restarting" && <p role="status">{t("admin.update.restarting")}</p>}
      {now.next && now.state === "receiving" && (
        <p>
          <span>
            {t("admin.update.receiving", { version: next, done: mega(now.received), total: mega(now.total) })}
          </span>
          <progress max={now.total} value={now.received} aria-label={t("admin.update")} />
        </p>
      )}
      {now.next && (now.state === "received" || now.state === "scheduled") && (
        <div class="note stack tight">
          <p role="status">
            {now.state === "scheduled"
              ? t(`admin.update.scheduled.${now.when}`)
              : t("admin.update.received", { version: next })}{" "}
            {now.reused > 1e6 && t("admin.update.reused", { n: mega(now.reused) })}
          </p>
          {now.next.notes && (
            <details>
              <summary>{t("admin.update.notes")}</summary>
              <p dir="auto">{now.next.notes}</p>
            </details>
          )}
          <div class="row">
            <Button kind="primary" onClick={() => setAsk("install")}>
              {t("admin.update.now")}
            </Button>
            <Button onClick={() => done(adminAPI.installUpdate("idle"))}>{t("admin.update.idle")}</Button>
            <Button onClick={() => done(adminAPI.installUpdate("night"))}>{t("admin.update.night")}</Button>
            <Button kind="danger" onClick={() => done(adminAPI.forgetUpdate())}>
              {t("admin.update.forget")}
            </Button>
          </div>
        </div>
      )}
      {(now.state === "idle" || now.state === "receiving") && !now.trying && <Sources now={now} again={again} />}
      {now.state === "idle" && !now.trying && now.kept?.version && (
        <div>
          <Button onClick={() => setAsk("back")}>{t("admin.update.back", { version: now.kept.version })}</Button>
        </div>
      )}
      {ask === "install" && (
        <ConfirmDialog
          text={t("admin.update.ask", { version: next })}
          yes={t("admin.update.now")}
          onYes={() => done(adminAPI.installUpdate("now"))}
          onNo={() => setAsk("")}
        />
      )}
      {ask === "back" && (
        <ConfirmDialog
          text={t("admin.update.backAsk", { version: now.kept?.version ?? "" })}
          yes={t("admin.update.back", { version: now.kept?.version ?? "" })}
          onYes={() => done(adminAPI.rollBack())}
          onNo={() => setAsk("")}
        />
      )}
    </>
  );
}

const Last = ({ last }: { last: NonNullable<Update["last"]> }) => (
  <p class={last.result === "committed" ? "muted" : "note bad"}>
    {t(`admin.update.${last.result}`, {
      version: last.version,
      time: when(last.at),
      reason: textIfAny(`err.${last.code}`) || last.reason || "",
    })}
  </p>
);

// Sources are the ways for an update to come in.
function Sources({ now, again }: { now: Update; again: () => void }) {
  const file = useRef<HTMLInputElement>(null);
  const url = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const take = (p: Promise<void>) => {
    setBusy(true);
    setTimeout(again, 300); // the progress is to be seen
    p.then(() => showMessage(t("admin.update.received", { version: "" })), showError).then(() => {
      setBusy(false);
      again();
    });
  };
  return (
    <div class="stack tight">
      <form
        class="row"
        onSubmit={(e) => {
          e.preventDefault();
          const f = file.current?.files?.[0];
          if (f) take(send(f));
        }}
      >
        <label>
          {t("admin.update.file")} <input ref={file} type="file" accept=".livelearn" required disabled={busy} />
        </label>
        <Button type="submit" disabled={busy}>
          {t("admin.update.send")}
        </Button>
      </form>
      <form
        class="row"
        onSubmit={(e) => {
          e.preventDefault();
          take(adminAPI.fetchUpdate({ url: url.current?.value ?? "" }));
        }}
      >
        <label>
          {t("admin.update.url")} <input ref={url} type="url" dir="ltr" required maxLength={2000} disabled={busy} />
        </label>
        <Button type="submit" disabled={busy}>
          {t("admin.update.fetch")}
        </Button>
      </form>
      {now.sticks.map((s) => (
        <div class="row" key={s.path}>
          <span>{t("admin.update.stick", { name: s.name })}</span>
          <Button disabled={busy} onClick={() => take(adminAPI.fetchUpdate({ stick: s.path }))}>
            {t("admin.update.fetch")}
          </Button>
        </div>
      ))}
      {now.neighbours.map((n) => (
        <div class="row" key={n.url}>
          <span>{t("admin.update.near", { name: n.name, version: n.version })}</span>
          <Button disabled={busy} onClick={() => take(adminAPI.fetchUpdate({ url: n.url }))}>
            {t("admin.update.fetch")}
          </Button>
        </div>
      ))}
    </div>
  );
}
