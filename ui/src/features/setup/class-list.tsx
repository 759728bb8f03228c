// One class's list of names: read, corrected, and made longer by pasting or by a file.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, type Class, type Pupil } from "../../api/box";
import { t } from "../../locales/i18n";
import { PageLink } from "../../components/page-link";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { EmptyNote, showError, showMessage } from "../../components/feedback";
import { FormError } from "../../components/form-field";
import { useTask } from "../../components/hooks";
import { DialogSheet } from "../../components/dialog-sheet";
import { ClassFileImport } from "./class-file-import";
import { ClassListField, ClassListPreview, useClassListPreview } from "./class-list-field";
import css from "./class-list.module.css";

export function ClassList({
  cls,
  changed,
  onClose,
  start,
  running,
}: {
  cls: Class;
  changed: () => void;
  onClose: () => void;
  start: () => void;
  running: boolean;
}) {
  const [text, setText] = useState("");
  const [added, previewFault] = useClassListPreview(text, (v) => api.addPupils(cls.id, v, true));
  const [busy, fault, run] = useTask();
  const add = (e: Event) => {
    e.preventDefault();
    void run(async () => {
      const got = await api.addPupils(cls.id, text, false);
      setText("");
      showMessage(t("home.paste.done", { n: got.added.length }));
      changed();
    });
  };
  const n = added?.added.length ?? 0;
  return (
    <DialogSheet title={t("home.listOf", { name: cls.name })} onClose={onClose} wide>
      <div class={css.sheet}>
        <section class="stack" aria-labelledby="list-names">
          <h3 id="list-names">{t("home.pupils", { n: cls.pupils.length })}</h3>
          {cls.pupils.length === 0 ? (
            <EmptyNote>{t("home.listEmpty")}</EmptyNote>
          ) : (
            <ul class={css.pupils}>
              {cls.pupils.map((p) => (
                <PupilLine key={p.id} cls={cls.id} pupil={p} changed={changed} />
              ))}
            </ul>
          )}
        </section>
        <form class="stack" onSubmit={add}>
          <ClassListField text={text} set={setText} />
          <ClassListPreview added={added} fault={previewFault} />
          <FormError fault={fault} fields={[]} />
          <button type="submit" class="primary" disabled={busy || n === 0}>
            {n > 0 ? t("home.paste.add", { n }) : t("home.paste.addNone")}
          </button>
          <h3>{t("home.file")}</h3>
          <ClassFileImport cls={cls.id} done={changed} />
        </form>
      </div>
      {!running && cls.pupils.length > 0 && (
        <div class="row end">
          <PageLink class="button" href={`/cards/${encodeURIComponent(cls.id)}`}>
            {t("home.cards")}
          </PageLink>
          <button type="button" onClick={start}>
            {t("home.start")}
          </button>
        </div>
      )}
    </DialogSheet>
  );
}

function PupilLine({ cls, pupil, changed }: { cls: string; pupil: Pupil; changed: () => void }) {
  const [name, setName] = useState<string | null>(null);
  const [ask, setAsk] = useState(false);
  const [busy, fault, run] = useTask();
  const input = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const editing = name !== null;
  useEffect(() => {
    if (editing) input.current?.select();
  }, [editing]);
  const back = () => {
    setName(null);
    requestAnimationFrame(() => button.current?.focus());
  };
  if (editing) {
    return (
      <li>
        <form
          class={css.edit}
          onKeyDown={(e) => {
            if (e.key === "Escape") {
              e.preventDefault();
              back();
            }
          }}
          onSubmit={(e) => {
            e.preventDefault();
            void run(async () => {
              await api.renamePupil(cls, pupil.id, name.trim());
              changed();
              back();
            });
          }}
        >
          <input
            ref={input}
            value={name}
            dir="auto"
            aria-label={t("home.pupilName", { name: pupil.name })}
            aria-invalid={fault ? "true" : undefined}
            onInput={(e) => setName(e.currentTarget.value)}
            maxLength={80}
          />
          <button type="submit" class="primary" disabled={busy || !name.trim()}>
            {t("home.save")}
          </button>
          <button type="button" onClick={back}>
            {t("cancel")}
          </button>
          <FormError fault={fault} fields={[]} />
        </form>
      </li>
    );
  }
  return (
    <li class={css.line}>
      <bdi>{pupil.name}</bdi>
      <select
        class={css.time}
        aria-label={t("home.pupilTime", { name: pupil.name })}
        title={t("home.pupilTimeHint")}
        value={String(pupil.time ?? 1)}
        onChange={(e) => api.setTime(cls, pupil.id, Number(e.currentTarget.value)).then(changed, showError)}
      >
        {[1, 1.25, 1.5, 2, 3].map((f) => (
          <option key={f} value={String(f)}>
            {t("home.pupilTimes", { n: f })}
          </option>
        ))}
      </select>
      <button
        type="button"
        class={`quiet ${css.tool}`}
        ref={button}
        aria-label={t("home.pupilRename", { name: pupil.name })}
        onClick={() => setName(pupil.name)}
      >
        {t("home.edit")}
      </button>
      <button
        type="button"
        class={`quiet ${css.tool}`}
        aria-label={t("home.pupilDelete", { name: pupil.name })}
        onClick={() => setAsk(true)}
      >
        ✕
      </button>
      {ask && (
        <ConfirmDialog
          text={t("home.pupilDeleteAsk", { name: pupil.name })}
          yes={t("home.delete")}
          onNo={() => setAsk(false)}
          onYes={() =>
            api.deletePupil(cls, pupil.id).then(
              () => {
                setAsk(false);
                changed();
              },
              (f) => {
                setAsk(false);
                showError(f);
              },
            )
          }
        />
      )}
    </li>
  );
}
