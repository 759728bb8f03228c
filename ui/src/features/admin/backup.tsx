// The whole box as one file, for who opens it with a passphrase or without one.
import { useState } from "preact/hooks";
import { Download, LockKeyhole, Printer } from "lucide";
import { adminAPI } from "../../api/admin";
import { formatTime, t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { DialogSheet } from "../../components/dialog-sheet";
import { Field } from "../../components/field";
import { FormError } from "../../components/form-field";
import { useTask } from "../../components/hooks";
import css from "./backup.module.css";
import { DownloadButton } from "./pin-dialog";

const shortest = 12; // characters of a passphrase

export function Backup({ box }: { box: string }) {
  const [open, setOpen] = useState(false);
  return (
    <section class="card stack" aria-labelledby="backup-title">
      <h2 id="backup-title">{t("admin.backup")}</h2>
      <p>{t("admin.backupWhy")}</p>
      <div class="row">
        <DownloadButton kind="primary" href="/api/admin/backup">
          {t("admin.backupGet")}
        </DownloadButton>
        <Button icon={LockKeyhole} onClick={() => setOpen(true)}>
          {t("admin.sealed")}
        </Button>
      </div>
      {open && <EncryptedBackup box={box} close={() => setOpen(false)} />}
    </section>
  );
}

// newPassphrase returns 120 random bits in groups, for people who write it down.
function newPassphrase(): string {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  const text = [...crypto.getRandomValues(new Uint8Array(24))].map((b) => letters[b % 32]).join("");
  return text.match(/.{4}/g)!.join("-");
}

function EncryptedBackup({ box, close }: { box: string; close: () => void }) {
  const [passphrase, setPassphrase] = useState(newPassphrase);
  const [done, setDone] = useState(false);
  const [busy, fault, run] = useTask();
  const download = () =>
    run(async () => {
      const [file, name] = await adminAPI.encryptedBackup(passphrase.trim());
      const link = document.createElement("a");
      link.href = URL.createObjectURL(file);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser reads it in its own time
      setDone(true);
    });
  const short = [...passphrase.trim()].length < shortest;
  return (
    <DialogSheet title={t("admin.sealed")} onClose={close}>
      <form
        class="stack"
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          if (!short) void download();
        }}
      >
        <p>{t("admin.sealedWhy")}</p>
        <Field
          label={t("admin.passphrase")}
          name="passphrase"
          value={passphrase}
          onInput={setPassphrase}
          hint={t("admin.sealedHint", { n: shortest })}
          dir="ltr"
          autoComplete="off"
          spellcheck={false}
        />
        <FormError fault={fault} fields={[]} />
        <div role="status">{done && <p class="note ok">{t("admin.sealedDone")}</p>}</div>
        <div class="row">
          <Button kind="primary" type="submit" icon={Download} busy={busy} disabled={short}>
            {t("admin.sealedGet")}
          </Button>
          <Button icon={Printer} disabled={short} onClick={printSheet}>
            {t("admin.recovery.print")}
          </Button>
        </div>
      </form>
      <RecoverySheet box={box} passphrase={passphrase.trim()} />
    </DialogSheet>
  );
}

// printSheet prints the recovery sheet without the page around it.
function printSheet() {
  const root = document.documentElement;
  root.dataset.print = "sheet";
  addEventListener("afterprint", () => delete root.dataset.print, { once: true });
  print();
}

// RecoverySheet is on paper only: what a person needs who restores the box on another day.
const RecoverySheet = ({ box, passphrase }: { box: string; passphrase: string }) => (
  <section class={css.recovery} data-part="recovery">
    <h1>{t("admin.recovery.title")}</h1>
    <p>
      {t("admin.recovery.what", { name: `\u2068${box}\u2069`, day: formatTime(Date.now(), { dateStyle: "long" }) })}
    </p>
    <p class={css.passphrase}>
      <bdi dir="ltr">{passphrase}</bdi>
    </p>
    <p>{t("admin.recovery.keep")}</p>
    <p>{t("admin.recovery.how")}</p>
  </section>
);
