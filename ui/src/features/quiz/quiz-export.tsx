// The files for other programs. Each is downloaded at once, and a dialog names what it cannot hold.
import { useState } from "preact/hooks";
import { type ImportedQuestion, library } from "../../api/library";
import { DialogSheet } from "../../components/dialog-sheet";
import { Menu } from "../../components/details-menu";
import { t } from "../../locales/i18n";
import { LossList } from "./import-preview";

export const formats = ["gift", "moodle", "qti", "kahoot"] as const;

// ExportLinks are the links to the files. noted gets what a file cannot hold, if there is anything.
export function ExportLinks({ id, noted }: { id: string; noted: (list: ImportedQuestion[]) => void }) {
  const check = (format: string) =>
    library.exportNotes(id, format).then(
      (r) => r.questions.length > 0 && noted(r.questions),
      () => {}, // the download says it
    );
  return (
    <>
      {formats.map((format) => (
        <a
          key={format}
          class="button quiet"
          href={library.exportFile(id, format)}
          download
          onClick={() => void check(format)}
        >
          {t(`exchange.format.${format}`)}
        </a>
      ))}
    </>
  );
}

// ExportNotes names the questions that a file does not hold as they are.
export function ExportNotes({ list, close }: { list: ImportedQuestion[]; close: () => void }) {
  return (
    <DialogSheet title={t("exchange.notes")} onClose={close}>
      <ol class="stack">
        {list.map((q) => (
          <li key={q.line}>
            <strong>{t("edit.question", { n: q.line })}</strong> <bdi>{q.text}</bdi>
            {q.fault && <p>{t("exchange.notIn")}</p>}
            <LossList list={q.fault ? [q.fault] : (q.losses ?? [])} />
          </li>
        ))}
      </ol>
    </DialogSheet>
  );
}

// ExportMenu is the menu of the editor.
export function ExportMenu({ id }: { id: string }) {
  const [notes, setNotes] = useState<ImportedQuestion[] | null>(null);
  return (
    <>
      <Menu label={t("edit.export")} text={t("edit.export")}>
        <ExportLinks id={id} noted={setNotes} />
      </Menu>
      {notes && <ExportNotes list={notes} close={() => setNotes(null)} />}
    </>
  );
}
