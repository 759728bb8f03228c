// One class's list of names: read, corrected, and made longer by pasting or by a file.
import { useEffect, useRef, useState } from "preact/hooks";
import { Check, Pencil, Play, QrCode, Timer, Trash2 } from "lucide";
import { api, type Class, type Pupil } from "../../api/box";
import { formatNumber, t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { ButtonLink } from "../../components/button-link";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { Chip } from "../../components/chip";
import { Menu } from "../../components/menu";
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
          <Button type="submit" kind="primary" busy={busy} disabled={n === 0}>
            {n > 0 ? t("home.paste.add", { n }) : t("home.paste.addNone")}
          </Button>
          <h3>{t("home.file")}</h3>
          <ClassFileImport cls={cls.id} done={changed} />
        </form>
      </div>
      {!running && cls.pupils.length > 0 && (
        <div class="row end">
          <ButtonLink icon={QrCode} href={`/cards/${encodeURIComponent(cls.id)}`}>
            {t("home.cards")}
          </ButtonLink>
          <Button icon={Play} onClick={start}>
            {t("home.start")}
          </Button>
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
  const tools = useRef<HTMLDivElement>(null);
  const time = pupil.time ?? 1;
  const editing = name !== null;
  useEffect(() => {
    if (editing) input.current?.select();
  }, [editing]);
  const back = () => {
    setName(null);
    requestAnimationFrame(() => tools.current?.querySelector("button")?.focus());
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
          <Button kind="primary" type="submit" disabled={busy || !name.trim()}>
            {t("home.save")}
          </Button>
          <Button onClick={back}>{t("cancel")}</Button>
          <FormError fault={fault} fields={[]} />
        </form>
      </li>
    );
  }
  return (
    <li class={css.line}>
      <bdi>{pupil.name}</bdi>
      {time !== 1 && (
        <Chip icon={Timer}>
          <span aria-hidden="true">{formatNumber(time)}×</span>
          <span class="visually-hidden">{t("home.pupilTimes", { n: time })}</span>
        </Chip>
      )}
      <div ref={tools}>
        <Menu
          label={t("home.more", { name: pupil.name })}
          items={[
            { label: t("home.rename"), icon: Pencil, onSelect: () => setName(pupil.name) },
            ...[1, 1.25, 1.5, 2, 3].map((n) => ({
              label: n === 1 ? t("home.pupilTimeUsual") : t("home.pupilTimes", { n }),
              icon: n === time ? Check : Timer,
              onSelect: () => void api.setTime(cls, pupil.id, n).then(changed, showError),
            })),
            { label: `${t("home.delete")}…`, icon: Trash2, danger: true, onSelect: () => setAsk(true) },
          ]}
        />
      </div>
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
