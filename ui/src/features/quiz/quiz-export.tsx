// The files for other programs. Each is downloaded at once, and a dialog names what it cannot hold.
import { useState } from "preact/hooks";
import { ChevronDown, Download } from "lucide";
import { type ImportedQuestion, library } from "../../api/library";
import { DialogSheet } from "../../components/dialog-sheet";
import { MathText } from "../../components/math-text";
import { Menu, type MenuItem } from "../../components/menu";
import { t } from "../../locales/i18n";
import { LossList } from "./import-preview";

export const formats = ["gift", "moodle", "qti", "kahoot"] as const;

// exportItems are the files as items of a menu. noted gets what a file cannot hold, if there is anything.
export const exportItems = (id: string, noted: (list: ImportedQuestion[]) => void): MenuItem[] =>
  formats.map((format) => ({
    label: t(`exchange.format.${format}`),
    icon: Download,
    file: library.exportFile(id, format),
    onSelect: () =>
      void library.exportNotes(id, format).then(
        (r) => r.questions.length > 0 && noted(r.questions),
        () => {}, // the download says it
      ),
  }));

// ExportNotes names the questions that a file does not hold as they are.
export function ExportNotes({ list, close }: { list: ImportedQuestion[]; close: () => void }) {
  return (
    <DialogSheet title={t("exchange.notes")} onClose={close}>
      <ol class="stack">
        {list.map((q) => (
          <li key={q.line}>
            <strong>{t("edit.question", { n: q.line })}</strong>{" "}
            <bdi>
              <MathText text={q.text ?? ""} />
            </bdi>
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
      <Menu label={t("edit.export")} text kind="secondary" icon={ChevronDown} items={exportItems(id, setNotes)} />
      {notes && <ExportNotes list={notes} close={() => setNotes(null)} />}
    </>
  );
}
