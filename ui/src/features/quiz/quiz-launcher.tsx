// All questions of the lesson in a sheet: ask one out of turn, choose a quiz, the pace, the
// leaderboard.
import { call, type Fault } from "../../api/http";
import { t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { Sheet } from "../../components/dialog";
import { EmptyState } from "../../components/empty-state";
import { ErrorNote, showError } from "../../components/feedback";
import { useLoad } from "../../components/hooks";
import { MathText } from "../../components/math-text";
import { ListChecks } from "lucide";
import type { Room } from "../../state/room";
import css from "./quiz-launcher.module.css";

interface Listed {
  id: string;
  title: string;
  count: number;
}

export function QuizLauncher({ room, onClose }: { room: Room; onClose: () => void }) {
  const q = room.quiz;
  const open = q.state.value === "open";
  const items = q.loaded.value.items;
  return (
    <Sheet title={q.title.value || t("stage.quiz")} onClose={onClose}>
      <div class={css.parts} data-part="launcher">
        {items.length > 0 && (
          <>
            <div>
              <label class="check">
                <input
                  type="checkbox"
                  checked={q.paced.value === "pupil"}
                  disabled={open}
                  onChange={(e) => room.send("quiz.pace", { paced: e.currentTarget.checked ? "pupil" : "teacher" })}
                />
                {t("stage.paceOwn")}
              </label>
              <label class="check">
                <input
                  type="checkbox"
                  checked={q.auto.value}
                  onChange={(e) => room.send("quiz.auto", { on: e.currentTarget.checked })}
                />
                {t("stage.auto")}
              </label>
              <label class="check">
                <input
                  type="checkbox"
                  checked={!!q.ranked.value}
                  onChange={(e) => room.send("quiz.rank", { on: e.currentTarget.checked })}
                />
                {t("stage.rank")}
              </label>
            </div>
            <ol class={css.list}>
              {items.map((i, n) => (
                <li key={i.id}>
                  <span>
                    {n + 1}.{" "}
                    <bdi>
                      <MathText text={i.text} most={80} />
                    </bdi>
                  </span>
                  <Button
                    disabled={open}
                    label={t("stage.openOne", { n: n + 1 })}
                    onClick={() => {
                      room.send("quiz.open", { items: [i.id] });
                      onClose();
                    }}
                  >
                    {t(q.asked.value.includes(i.id) ? "stage.again" : "stage.openIt")}
                  </Button>
                </li>
              ))}
            </ol>
          </>
        )}
        <ChooseQuiz room={room} onDone={onClose} />
      </div>
    </Sheet>
  );
}

// ChooseQuiz loads one of the quizzes on the box.
function ChooseQuiz({ room, onDone }: { room: Room; onDone: () => void }) {
  const [list, fault, again] = useLoad(() => call<Listed[]>("GET", "/api/quizzes"));
  if (fault) return <ErrorNote fault={fault} retry={again} />;
  if (!list) return null;
  if (!list.length) return <EmptyState icon={ListChecks}>{t("stage.noQuiz")}</EmptyState>;
  const load = (id: string) =>
    call("POST", `/api/lessons/${encodeURIComponent(room.lesson.value.id)}/quiz`, { quiz: id }).then(
      onDone,
      (f: Fault) => showError(f),
    );
  return (
    <section>
      <h3>{t("stage.choose")}</h3>
      <ul class={css.list}>
        {list.map((l) => (
          <li key={l.id}>
            <span>
              <bdi>{l.title}</bdi>
              <small> {t("stage.count", { n: l.count })}</small>
            </span>
            <Button
              label={t("stage.loadOne", { title: l.title })}
              disabled={room.quiz.state.value === "open"}
              onClick={() => void load(l.id)}
            >
              {t("stage.load")}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
