// The certificate by which the box knows the school's server.
import type { Fault } from "../../api/http";
import { Button } from "../../components/button";
import { useTask } from "../../components/hooks";
import { explain, t } from "../../locales/i18n";
import { readCertificate } from "./certificate-file";

// Certificate takes the file with which the box checks the server of the school.
export function Certificate({
  ca,
  change,
  name,
  fault,
}: {
  ca: string;
  change: (ca: string) => void;
  name: string; // of the setting, as the box names it
  fault: Fault | null;
}) {
  const [, unread, run] = useTask();
  const shown = unread ?? (fault?.field === name ? fault : null);
  return (
    <div class="field">
      <label>
        {t("admin.school.ca")}{" "}
        <input
          type="file"
          accept=".pem,.crt,.cer"
          onChange={(e) => {
            const input = e.currentTarget;
            const file = input.files?.[0];
            if (!file) return;
            void run(async () => {
              try {
                change(await readCertificate(file));
              } finally {
                input.value = ""; // so that the same file can be chosen again
              }
            });
          }}
        />
      </label>
      {ca && (
        <p class="row">
          <small>{t("admin.school.caSet")}</small>
          <Button onClick={() => change("")}>{t("admin.school.caDrop")}</Button>
        </p>
      )}
      <div aria-live="polite">{shown && <p class="note bad">{explain(shown)}</p>}</div>
    </div>
  );
}
