// The quizzes on the box: made here, or brought in from another program.
import { useState } from "preact/hooks";
import { FileUp, Plus, Trash2 } from "lucide";
import type { Fault } from "../../api/http";
import { t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { EmptyNote, ErrorNote, Loading, showError, showMessage } from "../../components/feedback";
import { useLoad } from "../../components/hooks";
import { ShelfLine, ShelfList } from "../../components/shelf-list";
import { type ImportedQuestion, library, type Summary } from "../../api/library";
import { go } from "../../state/router";
import { Menu } from "../../components/menu";
import { ExportNotes, exportItems } from "./quiz-export";
import { QuizImport } from "./quiz-import";
import { SampleQuizzes } from "./sample-quizzes";

export function QuizList() {
  const [list, fault, again] = useLoad(library.quizzes);
  const [gift, setGift] = useState(false);
  const make = () =>
    library.addQuiz({ title: t("quizzes.untitled") }).then(
      (q) => go(`/quiz/${encodeURIComponent(q.id)}`),
      (f: Fault) => showError(f),
    );
  return (
    <section class="card stack" aria-labelledby="quizzes-title">
      <div class="row between">
        <h2 id="quizzes-title">{t("quizzes.title")}</h2>
        <Button icon={Plus} onClick={() => void make()}>
          {t("quizzes.new")}
        </Button>
      </div>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && <EmptyNote>{t("quizzes.empty")}</EmptyNote>}
      {list && list.length > 0 && (
        <ShelfList>
          {list.map((q) => (
            <Line key={q.id} q={q} changed={again} />
          ))}
        </ShelfList>
      )}
      <div class="row">
        <Button kind="quiet" icon={FileUp} onClick={() => setGift(true)}>
          {t("quizzes.gift")}
        </Button>
        <SampleQuizzes added={again} />
      </div>
      {gift && <QuizImport close={() => setGift(false)} />}
    </section>
  );
}

function Line({ q, changed }: { q: Summary; changed: () => void }) {
  const [ask, setAsk] = useState(false);
  const [notes, setNotes] = useState<ImportedQuestion[] | null>(null);
  return (
    <ShelfLine href={`/quiz/${encodeURIComponent(q.id)}`} title={q.title} facts={t("quizzes.count", { n: q.count })}>
      <Menu
        label={t("home.more", { name: q.title })}
        items={[
          ...exportItems(q.id, setNotes),
          { label: `${t("home.delete")}…`, icon: Trash2, danger: true, onSelect: () => setAsk(true) },
        ]}
      />
      {notes && <ExportNotes list={notes} close={() => setNotes(null)} />}
      {ask && (
        <ConfirmDialog
          text={t("quizzes.deleteAsk", { title: q.title })}
          yes={t("home.delete")}
          onNo={() => setAsk(false)}
          onYes={() =>
            library
              .deleteQuiz(q.id)
              .then(
                () => {
                  showMessage(t("quizzes.deleted"));
                  changed();
                },
                (f: Fault) => showError(f),
              )
              .finally(() => setAsk(false))
          }
        />
      )}
    </ShelfLine>
  );
}
