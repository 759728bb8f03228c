// Questions from a file of another program, or pasted. The preview says what they become, and nothing is
// kept before the teacher confirms.
import { useState } from "preact/hooks";
import type { Fault } from "../../api/http";
import { t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { ErrorNote } from "../../components/feedback";
import { type ImportedQuiz, library } from "../../api/library";
import type { Authored } from "../../state/quiz";
import { go } from "../../state/router";
import { DialogSheet } from "../../components/dialog-sheet";
import { ImportPreview } from "./import-preview";
import { StickyActions } from "../../components/sticky-actions";
import { FilePicker } from "../../components/file-upload";

const types = ".gift,.txt,.xml,.zip,.h5p,.csv,.xlsx,text/plain,text/xml,text/csv,application/zip";

// QuizImport makes a new quiz, or adds to one that has room for a number of questions.
export function QuizImport({
  close,
  take,
  room = 100,
}: {
  close: () => void;
  take?: (items: Authored[]) => void;
  room?: number;
}) {
  const [text, setText] = useState("");
  const [file, setFile] = useState<File | null>(null);
  const [title, setTitle] = useState("");
  const [got, setGot] = useState<ImportedQuiz | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const [busy, setBusy] = useState(false);
  const put = (v: string) => {
    setText(v);
    setFile(null);
    setGot(null);
    setFault(null);
  };
  const read = async (from: Blob, keep: "nothing" | "pictures" | "quiz") => {
    setFault(null);
    setBusy(true);
    try {
      const r = await library.readQuiz(from, title.trim() || (keep === "quiz" ? t("quizzes.untitled") : ""), keep);
      if (keep === "nothing" && r.text !== undefined) setText(r.text);
      if (keep === "nothing" && r.title) setTitle((was) => was || r.title!);
      if (r.quiz) return go(`/quiz/${encodeURIComponent(r.quiz.id)}`);
      if (keep === "pictures") return take?.(r.items.slice(0, room));
      setGot(r);
    } catch (e) {
      setFault(e as Fault);
    } finally {
      setBusy(false);
    }
  };
  const pick = async (f: File) => {
    put("");
    setFile(f);
    setTitle((was) => was || f.name.replace(/\.[^.]+$/, "").slice(0, 120));
    await read(f, "nothing");
  };
  const source = () => file ?? new Blob([text], { type: "text/plain" });
  const n = Math.min(got?.items.length ?? 0, room);
  const format = got && textOfFormat(got.format);
  return (
    <DialogSheet title={t("quizzes.gift")} onClose={close} wide>
      <div class="stack">
        {!take && (
          <div class="field">
            <label for="import-title">{t("edit.title")}</label>
            <input
              id="import-title"
              type="text"
              value={title}
              maxLength={120}
              autoComplete="off"
              onInput={(e) => setTitle(e.currentTarget.value)}
            />
          </div>
        )}
        <div class="row">
          <FilePicker take={(l) => l[0] && void pick(l[0])} label={t("intake.pick")} accept={types} multiple={false} />
          {file && <bdi>{file.name}</bdi>}
        </div>
        <p id="import-help">{t("exchange.help")}</p>
        <div class="field">
          <label for="import-text">{t("quizzes.giftText")}</label>
          <textarea
            id="import-text"
            class="mono"
            rows={8}
            dir="auto"
            spellcheck={false}
            value={text}
            placeholder={"2 + 2 = ? {=4 ~3 ~5}"}
            aria-describedby="import-help"
            onInput={(e) => put(e.currentTarget.value)}
          />
        </div>
        <div class="row">
          <Button
            kind={got ? "secondary" : "primary"}
            disabled={busy || (!file && !text.trim())}
            onClick={() => void read(source(), "nothing")}
          >
            {t("quizzes.look")}
          </Button>
        </div>
        <div class="stack" aria-live="polite">
          {fault && <ErrorNote fault={fault} />}
          {format && <p>{t("exchange.kind", { format })}</p>}
          {got && <p>{t("quizzes.found", { n })}</p>}
          {got && got.items.length > room && <p class="note warn">{t("quizzes.noRoom", { n: room })}</p>}
        </div>
        {got && <ImportPreview items={got.items.slice(0, n)} questions={got.questions} />}
        {got && n > 0 && (
          <StickyActions>
            <Button kind="primary" busy={busy} onClick={() => void read(source(), take ? "pictures" : "quiz")}>
              {t("quizzes.take", { n })}
            </Button>
          </StickyActions>
        )}
      </div>
    </DialogSheet>
  );
}

const textOfFormat = (name: string) => (name ? t(`exchange.format.${name}`) : "");
