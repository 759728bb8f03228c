// Restore brings a backup back: upload, check, what would change, confirm, restart. Nothing of the
// box changes before the confirmation.
import { useEffect, useRef, useState } from "preact/hooks";
import { CircleCheck, FileUp, RotateCcw, TriangleAlert } from "lucide";
import type { Fault } from "../../api/http";
import { adminAPI, type RestoreReport, type RestoreStatus } from "../../api/admin";
import { formatNumber, lang, t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { DialogSheet } from "../../components/dialog-sheet";
import { ErrorNote, Loading } from "../../components/feedback";
import { Field } from "../../components/field";
import { FilePicker } from "../../components/file-upload";
import { FormError } from "../../components/form-field";
import { useLoad, useTask } from "../../components/hooks";
import { Icon } from "../../components/icon";
import { when } from "./part";
import shared from "./part.module.css";
import css from "./restore.module.css";

// What the page does now, apart from the step that the box is at.
type Work =
  | { is: "idle" }
  | { is: "uploading"; name: string; part: number; stop: () => void }
  | { is: "checking" }
  | { is: "restarting"; slow: boolean }
  | { is: "done" };

const slowAfter = 60_000; // ms

export function Restore() {
  const [loaded, lost, again] = useLoad(adminAPI.restoreStatus);
  const [now, setNow] = useState<RestoreStatus | null>(null);
  const [work, setWork] = useState<Work>({ is: "idle" });
  const [fault, setFault] = useState<Fault | null>(null);
  const status = now ?? loaded;

  const check = (passphrase: string) => {
    setFault(null);
    setWork({ is: "checking" });
    adminAPI
      .checkBackup(passphrase)
      .then(setNow, (f: Fault) => {
        setFault(f);
        return adminAPI.restoreStatus().then(setNow, () => {}); // the box forgets a file that it refuses
      })
      .finally(() => setWork({ is: "idle" }));
  };
  const upload = ([file]: File[]) => {
    if (!file) return;
    const stopper = new AbortController();
    const show = (part: number) => setWork({ is: "uploading", name: file.name, part, stop: () => stopper.abort() });
    setFault(null);
    setNow({ step: "empty" });
    show(0);
    adminAPI.sendBackup(file, show, stopper.signal).then(
      (s) => {
        setNow(s);
        if (s.encrypted) setWork({ is: "idle" });
        else check("");
      },
      (f: Fault) => {
        setWork({ is: "idle" });
        if (f.code !== "aborted") setFault(f);
      },
    );
  };
  const discard = () =>
    adminAPI.discardBackup().then((s) => {
      setNow(s);
      setFault(null);
    }, setFault);

  return (
    <section class="card stack" aria-labelledby="restore-title" data-part="restore">
      <h2 id="restore-title">{t("admin.restoreTitle")}</h2>
      {lost && <ErrorNote fault={lost} retry={again} />}
      {!status && !lost && <Loading />}
      {fault && <Refused fault={fault} />}
      {status && status.step !== "committed" && work.is === "idle" && (
        <Step
          status={status}
          upload={upload}
          check={check}
          discard={discard}
          restart={() => setWork({ is: "restarting", slow: false })}
        />
      )}
      {work.is === "uploading" && <Uploading {...work} />}
      {work.is === "checking" && <Waiting>{t("admin.restore.checking")}</Waiting>}
      {(work.is === "restarting" || (work.is === "idle" && status?.step === "committed")) && (
        <Restarting slow={work.is === "restarting" && work.slow} set={setWork} />
      )}
      {work.is === "done" && <Done />}
    </section>
  );
}

const Waiting = ({ children }: { children: string }) => (
  <div class={css.waiting} role="status">
    <p>{children}</p>
    <progress aria-label={children} />
  </div>
);

// Refused says why, and that nothing has changed.
const Refused = ({ fault }: { fault: Fault }) => (
  <div class={css.refused}>
    <ErrorNote fault={fault} />
    <p class="muted">{t("admin.restore.unchanged")}</p>
  </div>
);

function Uploading({ name, part, stop }: { name: string; part: number; stop: () => void }) {
  return (
    <div class={css.waiting}>
      <p>
        <span role="status">{t("admin.restore.uploading")}</span> <bdi>{name}</bdi>{" "}
        {new Intl.NumberFormat(lang.value, { style: "percent" }).format(part)}
      </p>
      <progress max={1} value={part} aria-label={t("admin.restore.uploading")} />
      <div>
        <Button onClick={stop}>{t("cancel")}</Button>
      </div>
    </div>
  );
}

function Step({
  status,
  upload,
  check,
  discard,
  restart,
}: {
  status: RestoreStatus;
  upload: (files: File[]) => void;
  check: (passphrase: string) => void;
  discard: () => void;
  restart: () => void;
}) {
  switch (status.step) {
    case "received":
      return <Received encrypted={!!status.encrypted} check={check} discard={discard} />;
    case "checked":
      return status.report ? <Checked report={status.report} discard={discard} restart={restart} /> : null;
    case "receiving":
    case "checking":
      return <p class="note">{t("err.restore_busy")}</p>;
  }
  return (
    <>
      <p>{t("admin.restore.why")}</p>
      <div>
        <FilePicker
          label={t("admin.restore.choose")}
          icon={FileUp}
          accept=".llb,.llbox,.age,application/octet-stream"
          multiple={false}
          take={upload}
        />
      </div>
      {status.last && (
        <p class="muted">
          {t("admin.restore.last", {
            at: when(status.last.at),
            made: when(status.last.made),
            version: status.last.version,
          })}
        </p>
      )}
    </>
  );
}

function Received({
  encrypted,
  check,
  discard,
}: {
  encrypted: boolean;
  check: (passphrase: string) => void;
  discard: () => void;
}) {
  const [passphrase, setPassphrase] = useState("");
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        check(passphrase.trim());
      }}
    >
      <p>{t(encrypted ? "admin.restore.encrypted" : "admin.restore.received")}</p>
      {encrypted && (
        <Field
          label={t("admin.passphrase")}
          name="restore-passphrase"
          value={passphrase}
          onInput={setPassphrase}
          dir="ltr"
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
        />
      )}
      <div class="row">
        <Button kind="primary" type="submit" disabled={encrypted && !passphrase.trim()}>
          {t("admin.restore.check")}
        </Button>
        <Button onClick={discard}>{t("admin.restore.discard")}</Button>
      </div>
    </form>
  );
}

const counted = ["staff", "classes", "pupils", "lessons", "quizzes", "decks"] as const;

// Checked is the dry run: what the box has now, and what it would have.
function Checked({ report, discard, restart }: { report: RestoreReport; discard: () => void; restart: () => void }) {
  const [ask, setAsk] = useState(false);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  return (
    <>
      <h3 class={css.good} tabIndex={-1} ref={title}>
        <Icon icon={CircleCheck} /> {t("admin.restore.good")}
      </h3>
      <dl class={shared.facts}>
        <dt>{t("admin.restore.made")}</dt>
        <dd>{when(report.made)}</dd>
        <dt>{t("admin.version")}</dt>
        <dd>
          <bdi dir="ltr">{report.version}</bdi>
        </dd>
      </dl>
      {report.otherBox && (
        <p class="note warn">{t("admin.restore.otherBox", { name: `\u2068${report.backup.name}\u2069` })}</p>
      )}
      <table class={css.counts}>
        <thead>
          <tr>
            <td />
            <th scope="col">{t("admin.restore.now")}</th>
            <th scope="col">{t("admin.restore.then")}</th>
          </tr>
        </thead>
        <tbody>
          <tr class={report.box.name === report.backup.name ? "" : css.changed}>
            <th scope="row">{t("settings.name")}</th>
            <td>
              <bdi>{report.box.name}</bdi>
            </td>
            <td>
              <bdi>{report.backup.name}</bdi>
            </td>
          </tr>
          {counted.map((kind) => (
            <tr key={kind} class={report.box[kind] === report.backup[kind] ? "" : css.changed}>
              <th scope="row">{t(`admin.restore.kind.${kind}`)}</th>
              <td>{formatNumber(report.box[kind])}</td>
              <td>{formatNumber(report.backup[kind])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Lost report={report} />
      {report.lessonOpen && <p class="note warn">{t("err.lesson_running")}</p>}
      <div class="row">
        <Button kind="danger" icon={RotateCcw} onClick={() => setAsk(true)}>
          {t("admin.restore.restore")}
        </Button>
        <Button onClick={discard}>{t("admin.restore.discard")}</Button>
      </div>
      {ask && <Confirm report={report} close={() => setAsk(false)} restart={restart} />}
    </>
  );
}

// Lost lists what the box has and the backup has not.
function Lost({ report }: { report: RestoreReport }) {
  if (report.lost.length === 0) return <p>{t("admin.restore.noLoss")}</p>;
  return (
    <div class={css.lost}>
      <h4>
        <Icon icon={TriangleAlert} /> {t("admin.restore.lost")}
      </h4>
      <ul>
        {report.lost.map((l) => (
          <li key={l.kind}>
            <strong>{t(`admin.restore.kind.${l.kind}`)}</strong>{" "}
            <span>
              {new Intl.ListFormat(lang.value, { type: "unit" }).format(l.names.map((n) => `\u2068${n}\u2069`))}
              {l.count > l.names.length && <> {t("admin.restore.more", { n: l.count - l.names.length })}</>}
            </span>
          </li>
        ))}
      </ul>
      <p>{t("admin.restore.edits")}</p>
    </div>
  );
}

function Confirm({ report, close, restart }: { report: RestoreReport; close: () => void; restart: () => void }) {
  const [name, setName] = useState("");
  const [other, setOther] = useState(false);
  const [busy, fault, run] = useTask();
  const named = name.trim().toLocaleLowerCase() === report.box.name.trim().toLocaleLowerCase();
  return (
    <DialogSheet title={t("admin.restore.restore")} onClose={close}>
      <form
        class="stack"
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void run(async () => {
            await adminAPI.commitRestore(name, other);
            close();
            restart();
          });
        }}
      >
        <p>{t("admin.restore.ask", { made: when(report.made) })}</p>
        <Field
          label={t("admin.restore.type", { name: `\u2068${report.box.name}\u2069` })}
          name="confirm-name"
          value={name}
          onInput={setName}
          autoComplete="off"
          spellcheck={false}
        />
        {report.otherBox && (
          <label class="check">
            <input type="checkbox" checked={other} onChange={(e) => setOther(e.currentTarget.checked)} />
            {t("admin.restore.otherYes")}
          </label>
        )}
        <FormError fault={fault} fields={[]} />
        <Button kind="danger" type="submit" busy={busy} disabled={!named || (report.otherBox && !other)}>
          {t("admin.restore.yes")}
        </Button>
      </form>
    </DialogSheet>
  );
}

// Restarting asks the box until it is back. The backup may not know this sign-in: a refusal comes
// from the restored box too.
function Restarting({ slow, set }: { slow: boolean; set: (w: Work) => void }) {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const began = Date.now();
    const ask = () =>
      adminAPI.restoreStatus().then(
        (s) => (s.step === "committed" ? wait() : set({ is: "done" })),
        (f: Fault) => (f.status === 401 || f.status === 403 ? set({ is: "done" }) : wait()),
      );
    const wait = () => {
      if (Date.now() - began > slowAfter) set({ is: "restarting", slow: true });
      timer = setTimeout(ask, 1000);
    };
    wait();
    return () => clearTimeout(timer);
  }, []);
  return (
    <>
      <Waiting>{t("admin.restore.restarting")}</Waiting>
      {slow && <p class="note warn">{t("admin.restore.slow")}</p>}
    </>
  );
}

function Done() {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  return (
    <>
      <h3 class={css.good} tabIndex={-1} ref={title}>
        <Icon icon={CircleCheck} /> {t("admin.restore.done")}
      </h3>
      <p>{t("admin.restore.doneWhy")}</p>
      <div>
        <Button
          kind="primary"
          onClick={() => location.assign("/admin/backup") /* all of the page is of the box before */}
        >
          {t("admin.restore.go")}
        </Button>
      </div>
    </>
  );
}
