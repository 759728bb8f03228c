// The whole box as one file, for who opens it with a passphrase or without one.
import { useState } from "preact/hooks";
import { Download, LockKeyhole } from "lucide";
import { adminAPI } from "../../api/admin";
import { t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { DialogSheet } from "../../components/dialog-sheet";
import { Field } from "../../components/field";
import { FormError } from "../../components/form-field";
import { useTask } from "../../components/hooks";
import { DownloadButton } from "./pin-dialog";

const shortest = 12; // characters of a passphrase

export function Backup() {
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
      {open && <EncryptedBackup close={() => setOpen(false)} />}
    </section>
  );
}

// newPassphrase returns 120 random bits in groups, for people who write it down.
function newPassphrase(): string {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  const text = [...crypto.getRandomValues(new Uint8Array(24))].map((b) => letters[b % 32]).join("");
  return text.match(/.{4}/g)!.join("-");
}

function EncryptedBackup({ close }: { close: () => void }) {
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
        <Button kind="primary" type="submit" icon={Download} busy={busy} disabled={short}>
          {t("admin.sealedGet")}
        </Button>
      </form>
    </DialogSheet>
  );
}
