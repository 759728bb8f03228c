// What may be asked about one pupil: export and erasure.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../components/button";
import type { Pupil } from "../../api/box";
import type { Fault } from "../../api/http";
import { adminAPI } from "../../api/admin";
import { t } from "../../locales/i18n";
import { useTask } from "../../components/hooks";
import { DialogSheet } from "../../components/dialog-sheet";
import { FormError } from "../../components/form-field";
import { JobProgress } from "../../components/job-progress";
import { DownloadButton } from "./pin-dialog";
import shared from "./part.module.css";

export type Person = Pupil & { cls: string };

// Privacy is what the law lets a pupil ask for: all that is kept, and that it goes away. Its
// children say why the list is short or empty.
export function Privacy({
  pupils,
  changed,
  children,
}: {
  pupils: Person[];
  changed: () => void;
  children: ComponentChildren;
}) {
  const [ask, setAsk] = useState<Pupil | null>(null);
  const [job, setJob] = useState("");
  return (
    <section class="card stack" aria-labelledby="privacy-title">
      <h2 id="privacy-title">{t("privacy.title")}</h2>
      <p class="muted">{t("privacy.why")}</p>
      <ul class={shared.people} data-part="people">
        {pupils.map((p) => (
          <li key={p.id}>
            <span class={shared.person}>
              <strong>
                <bdi>{p.name}</bdi>
              </strong>
              <small>
                <bdi>{p.cls}</bdi>
              </small>
            </span>
            <DownloadButton href={adminAPI.exportFile(p.id)} label={t("privacy.exportOf", { name: p.name })}>
              {t("privacy.export")}
            </DownloadButton>
            <Button kind="danger" label={t("privacy.eraseOf", { name: p.name })} onClick={() => setAsk(p)}>
              {t("privacy.erase")}
            </Button>
          </li>
        ))}
      </ul>
      {children}
      {job && <JobProgress id={job} over={changed} />}
      {ask && (
        <Erase
          who={ask}
          close={() => setAsk(null)}
          begun={(j) => {
            setAsk(null);
            setJob(j);
          }}
        />
      )}
    </section>
  );
}

function Erase({ who, close, begun }: { who: Pupil; close: () => void; begun: (job: string) => void }) {
  const [name, setName] = useState("");
  const [busy, fault, run] = useTask();
  return (
    <DialogSheet title={t("privacy.erase")} onClose={close}>
      <form
        class="stack"
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void run(async () => {
            const j = await adminAPI.erase(who.id, name.trim());
            begun(j.id);
          });
        }}
      >
        <p>{t("privacy.eraseAsk", { name: `\u2068${who.name}\u2069` })}</p>
        <label class="field">
          <span>{t("privacy.type")}</span>
          <input type="text" value={name} autoComplete="off" onInput={(e) => setName(e.currentTarget.value)} />
        </label>
        <FormError fault={fault as Fault | null} fields={[]} />
        <Button kind="danger" type="submit" disabled={busy || name.trim() !== who.name}>
          {t("privacy.eraseYes")}
        </Button>
      </form>
    </DialogSheet>
  );
}
