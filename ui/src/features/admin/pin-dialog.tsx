// The box asks for the PIN again before what cannot be undone.
import { useEffect, useState } from "preact/hooks";
import { Download } from "lucide";
import { confirmPIN, download, onPINNeeded } from "../../api/fresh-pin";
import { Button, type ButtonKind } from "../../components/button";
import { DialogSheet } from "../../components/dialog-sheet";
import { showError } from "../../components/feedback";
import { FormError, TextField } from "../../components/form-field";
import { useTask } from "../../components/hooks";
import { t } from "../../locales/i18n";

// PINDialog asks for the PIN whenever an act of the page needs it.
export function PINDialog() {
  const [answer, setAnswer] = useState<((given: boolean) => void) | null>(null);
  useEffect(() => {
    onPINNeeded(() => new Promise((resolve) => setAnswer(() => resolve)));
    return () => onPINNeeded();
  }, []);
  if (!answer) return null;
  const close = (given: boolean) => {
    setAnswer(null);
    answer(given);
  };
  return <AskPIN close={close} />;
}

function AskPIN({ close }: { close: (given: boolean) => void }) {
  const [pin, setPIN] = useState("");
  const [busy, fault, run] = useTask();
  return (
    <DialogSheet title={t("pin.again")} onClose={() => close(false)}>
      <form
        class="stack"
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void run(async () => {
            await confirmPIN(pin);
            close(true);
          });
        }}
      >
        <p>{t("pin.againWhy")}</p>
        <TextField
          label={t("staff.pin")}
          name="present-pin"
          value={pin}
          onInput={setPIN}
          type="password"
          autoComplete="current-password"
          autoFocus
        />
        <FormError fault={fault} fields={[]} />
        <Button kind="primary" type="submit" disabled={busy || !pin}>
          {t("pin.go")}
        </Button>
      </form>
    </DialogSheet>
  );
}

// DownloadButton downloads a file that needs the PIN.
export const DownloadButton = ({
  href,
  label,
  kind,
  children,
}: {
  href: string;
  label?: string;
  kind?: ButtonKind;
  children: string;
}) => (
  <Button icon={Download} kind={kind} label={label} onClick={() => void download(href).catch(showError)}>
    {children}
  </Button>
);
