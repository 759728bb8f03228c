// The link to the cloud: how it is, in words; what waits; what was refused; a stick where
// no line goes.
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../components/button";
import type { Fault } from "../../api/http";
import { adminAPI, type Cloud, type DeadFact } from "../../api/admin";
import { formatTime, has, lang, t, textIfAny } from "../../locales/i18n";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { EmptyNote, ErrorNote, Loading, showError, showMessage } from "../../components/feedback";
import { FormError, TextField } from "../../components/form-field";
import { useLoad, useTask } from "../../components/hooks";
import { DownloadButton } from "./pin-dialog";
import shared from "./part.module.css";
import css from "./cloud-link.module.css";

const when = (at: number) => formatTime(at, { dateStyle: "short", timeStyle: "short" });
const few = 20;

// about is a waiting time as people say it.
function about(seconds: number): string {
  const units: [string, number][] = [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ];
  const [unit, size] = units.find(([, size]) => seconds >= 2 * size) ?? units[3]!;
  return new Intl.NumberFormat(lang.value, { style: "unit", unit, unitDisplay: "long" }).format(
    Math.max(1, Math.round(seconds / size)),
  );
}

// focus goes to a heading where what had it is gone: once a dialog is, too, for nothing
// behind one can have it.
const focus = (heading: RefObject<HTMLElement | null>) => setTimeout(() => heading.current?.focus());

// useCloud looks again by itself. A fault stays on the page until the box answers, so that a screen
// reader hears of it once.
function useCloud(turn: number): [Cloud | null, Fault | null, () => void] {
  const [now, setNow] = useState<Cloud | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const again = () =>
    void adminAPI.cloud().then((c) => {
      setNow(c);
      setFault(null);
    }, setFault);
  const pace = now?.state === "sending" ? 1000 : 5000;
  useEffect(again, [turn]);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && again(), pace);
    return () => clearInterval(timer);
  }, [pace]);
  return [now, fault, again];
}

export function CloudLink({ turn }: { turn: number }) {
  const [now, fault, again] = useCloud(turn);
  const title = useRef<HTMLHeadingElement>(null);
  const changed = () => {
    focus(title);
    again();
  };
  return (
    <section
      class={`card stack tight ${css.cloud}`}
      data-part="cloud"
      aria-labelledby="cloud-title"
      aria-busy={!now && !fault}
    >
      <h2 id="cloud-title" tabIndex={-1} ref={title}>
        {t("admin.cloud")}
      </h2>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!now && !fault && <Loading />}
      {now && !now.supported && <p class="muted">{t("admin.cloud.none")}</p>}
      {now?.supported && (
        <>
          <Standing now={now} />
          {now.box && (
            <p class="muted">
              {t("admin.cloud.id")}{" "}
              <bdi dir="ltr">
                <code>{now.box}</code>
              </bdi>
            </p>
          )}
          {now.way && <Figures now={now} />}
          {now.way && <Buttons now={now} again={again} left={changed} />}
          {(!now.way || now.state === "revoked" || now.state === "stranger") && <LinkForm linked={changed} />}
          {now.dead > 0 && <Dead n={now.dead} again={again} emptied={changed} />}
          {now.notes.length > 0 && <Notes notes={now.notes} />}
          <Stick again={again} />
        </>
      )}
    </section>
  );
}

const looks: { [state: string]: string } = {
  idle: "ok",
  cloud_older: "warn",
  box_older: "warn",
  revoked: "bad",
  stranger: "bad",
};

// Standing is the state in words. It changes seldom, so it may be read out; figures are not.
function Standing({ now }: { now: Cloud }) {
  const calm = now.state === "off" || now.state === "idle" || now.state === "offline";
  const word =
    now.way === "stick" && calm
      ? now.queue > 0
        ? "stickWaits"
        : "idle"
      : now.state === "idle" && now.dead > 0
        ? "idleDead"
        : now.state;
  return (
    <div class={`note ${word === "idleDead" ? "warn" : (looks[now.state] ?? "")}`}>
      <p role="status">{textIfAny(`admin.cloud.is.${word}`) || word}</p>
      {now.text && now.state !== "idle" && now.state !== "off" && (
        <details>
          <summary>{t("admin.cloud.why")}</summary>
          <p class={css.wrap}>
            {textIfAny(`err.${now.code}.link`)} <span dir="auto">{now.text}</span>
          </p>
        </details>
      )}
    </div>
  );
}

function Figures({ now }: { now: Cloud }) {
  const most = useRef(0); // of the queue, since it has been sending
  const sending = now.state === "sending";
  most.current = sending ? Math.max(most.current, now.queue) : 0;
  return (
    <>
      {sending && now.queue > 0 && (
        <p class={css.way}>
          <progress max={most.current} value={most.current - now.queue} aria-label={t("admin.cloud.progress")} />
          {now.rate > 0 && (
            <span>
              {t("admin.cloud.rate", { n: Math.round(now.rate) })}
              {now.eta > 0 && <> · {t("admin.cloud.eta", { time: about(now.eta) })}</>}
            </span>
          )}
        </p>
      )}
      <dl class={css.facts}>
        <div>
          <dt>{t("admin.cloud.last")}</dt>
          <dd>{now.last ? when(now.last) : t("admin.cloud.never")}</dd>
        </div>
        <div>
          <dt>{t("admin.cloud.queue")}</dt>
          <dd>{t("admin.cloud.entries", { n: now.queue })}</dd>
        </div>
        {now.state === "offline" && !!now.next && (
          <div>
            <dt>{t("admin.cloud.next")}</dt>
            <dd>{when(now.next)}</dd>
          </div>
        )}
        {now.where && (
          <div>
            <dt>{t("admin.cloud.where")}</dt>
            <dd>
              <bdi dir="ltr">{now.where}</bdi>
            </dd>
          </div>
        )}
        {now.school && (
          <div>
            <dt>{t("admin.cloud.school")}</dt>
            <dd>
              <bdi>{now.school}</bdi>
            </dd>
          </div>
        )}
        <div>
          <dt>{t("admin.cloud.policy")}</dt>
          <dd>{t(`admin.cloud.leaves.${now.policy.names ? "names" : "ids"}${now.policy.chat ? "Chat" : ""}`)}</dd>
        </div>
      </dl>
    </>
  );
}

function Buttons({ now, again, left }: { now: Cloud; again: () => void; left: () => void }) {
  const [ask, setAsk] = useState(false);
  const leave = () =>
    adminAPI.leaveCloud().then(
      () => {
        setAsk(false);
        showMessage(t("admin.cloud.left"));
        left();
      },
      (f) => {
        setAsk(false);
        showError(f);
      },
    );
  return (
    <div class="row">
      {now.way !== "stick" && (
        <Button
          kind="primary"
          onClick={() =>
            adminAPI.syncCloud().then(() => {
              showMessage(t("admin.cloud.tries"));
              setTimeout(again, 500);
            }, showError)
          }
        >
          {t("admin.cloud.sync")}
        </Button>
      )}
      <Button kind="danger" onClick={() => setAsk(true)}>
        {t("admin.cloud.leave")}
      </Button>
      {ask && (
        <ConfirmDialog
          text={t("admin.cloud.leaveAsk")}
          yes={t("admin.cloud.leave")}
          onYes={() => void leave()}
          onNo={() => setAsk(false)}
        />
      )}
    </div>
  );
}

// LinkForm takes a link, which is a secret: it is sent once and kept nowhere on the page.
function LinkForm({ linked }: { linked: () => void }) {
  const [link, setLink] = useState("");
  const [busy, fault, run] = useTask();
  const submit = () =>
    run(async () => {
      await adminAPI.linkCloud(link.trim());
      setLink("");
      showMessage(t("admin.cloud.linked"));
      linked();
    });
  return (
    <form
      class="stack tight"
      noValidate
      aria-busy={busy}
      onSubmit={(e) => {
        e.preventDefault();
        void submit();
      }}
    >
      <TextField
        label={t("admin.cloud.link")}
        name="link"
        value={link}
        onInput={setLink}
        fault={fault}
        hint={t("admin.cloud.linkHint")}
        autoComplete="off"
        dir="ltr"
        spellcheck={false}
        disabled={busy}
      />
      <FormError fault={fault} fields={["link"]} />
      <div>
        <Button kind="primary" type="submit" disabled={busy}>
          {t(busy ? "admin.cloud.linking" : "admin.cloud.linkDo")}
        </Button>
      </div>
    </form>
  );
}

// reason is why a fact was refused: by what no text of Postgres may hold, by another copy's
// fact, as it names what is another box's, by damage on the box itself, or else.
const reason = (code: string) =>
  ["22021", "22P05"].includes(code) ? "characters" : ["forked", "foreign", "damaged"].includes(code) ? code : "other";

function Dead({ n, again, emptied }: { n: number; again: () => void; emptied: () => void }) {
  const [list, fault, load] = useLoad(adminAPI.dead, [n]);
  const [ask, setAsk] = useState<DeadFact | null>(null);
  const [all, setAll] = useState(false);
  const title = useRef<HTMLHeadingElement>(null);
  const busy = useRef(false); // a button that is disabled would lose the focus
  const retry = async (d: DeadFact, repair: boolean) => {
    if (busy.current) return;
    busy.current = true;
    try {
      await adminAPI.retryDead(d, repair);
      setAsk(null);
      showMessage(t("admin.retried"));
      if (list?.length === 1) emptied();
      else focus(title);
    } catch (e) {
      setAsk(null);
      showError(e as Fault);
    }
    busy.current = false;
    load();
    again();
  };
  const shown = all ? list : list?.slice(0, few);
  return (
    <section class="stack tight" aria-labelledby="cloud-dead">
      <h3 id="cloud-dead" tabIndex={-1} ref={title}>
        {t("admin.cloud.dead", { n })}
      </h3>
      <p class="muted">{t("admin.cloud.deadWhy")}</p>
      {fault && <ErrorNote fault={fault} retry={load} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && <EmptyNote>{t("admin.cloud.deadNone")}</EmptyNote>}
      <ul class="stack tight">
        {shown?.map((d) => (
          <li key={`${d.incarnation} ${d.pos}`} class={shared.letter}>
            <div class={shared.letterText} data-part="dead">
              <p>
                <strong class="mono">
                  <bdi dir="ltr">{d.kind || d.pos}</bdi>
                </strong>{" "}
                · <bdi dir="ltr">{d.stream}</bdi> · {when(d.at)}
              </p>
              <p>{t(`admin.cloud.dead.${reason(d.code)}`)}</p>
              <p class={shared.fault} data-part="fault" dir="ltr">
                <span class="mono">{d.code}</span> {d.text}
              </p>
            </div>
            <div class="row">
              {reason(d.code) !== "damaged" && (
                <Button
                  label={t("admin.cloud.retryOf", { kind: d.kind, n: d.pos })}
                  onClick={() => void retry(d, false)}
                >
                  {t("admin.retry")}
                </Button>
              )}
              {["characters", "other"].includes(reason(d.code)) && (
                <Button label={t("admin.cloud.repairOf", { kind: d.kind, n: d.pos })} onClick={() => setAsk(d)}>
                  {t("admin.cloud.repair")}
                </Button>
              )}
            </div>
          </li>
        ))}
      </ul>
      {list && !all && list.length > few && (
        <div>
          <Button onClick={() => setAll(true)}>{t("admin.cloud.deadAll", { n: list.length })}</Button>
        </div>
      )}
      {ask && (
        <ConfirmDialog
          text={t("admin.cloud.repairAsk", { kind: ask.kind })}
          yes={t("admin.cloud.repair")}
          onYes={() => void retry(ask, true)}
          onNo={() => setAsk(null)}
        />
      )}
    </section>
  );
}

const Notes = ({ notes }: { notes: Cloud["notes"] }) => (
  <section class="stack tight" aria-labelledby="cloud-notes">
    <h3 id="cloud-notes">{t("admin.cloud.notes")}</h3>
    <ul class="stack tight">
      {notes.map((n) => {
        const key = `admin.cloud.note.${n.code}`;
        return (
          <li key={`${n.code} ${n.at} ${n.what}`} class={css.wrap}>
            <small>{when(n.at)}</small>{" "}
            {has(key) ? (
              t(key, { what: `\u2068${n.what}\u2069`, n: n.n })
            ) : (
              <bdi dir="ltr">
                {n.code} {n.what}
              </bdi>
            )}
          </li>
        );
      })}
    </ul>
  </section>
);

// Stick is the way for schools that no line reaches: a file out, and its answer in.
function Stick({ again }: { again: () => void }) {
  const file = useRef<HTMLInputElement>(null);
  const [busy, fault, run] = useTask();
  const read = () =>
    run(async () => {
      const f = file.current?.files?.[0];
      if (!f) return;
      await adminAPI.sendReply(f);
      file.current!.value = "";
      showMessage(t("admin.cloud.replied"));
      again();
    });
  return (
    <details data-part="cloud-stick">
      <summary>{t("admin.cloud.stick")}</summary>
      <div class="stack tight">
        <p class="muted">{t("admin.cloud.stickWhy")}</p>
        <div>
          <DownloadButton href={adminAPI.stickFile}>{t("admin.cloud.export")}</DownloadButton>
        </div>
        <form
          class="row"
          onSubmit={(e) => {
            e.preventDefault();
            void read();
          }}
        >
          <label>
            {t("admin.cloud.reply")} <input ref={file} type="file" required disabled={busy} />
          </label>
          <Button type="submit" disabled={busy}>
            {t("admin.cloud.read")}
          </Button>
        </form>
        <FormError fault={fault} fields={[]} />
      </div>
    </details>
  );
}
