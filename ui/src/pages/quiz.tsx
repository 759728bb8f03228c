// The quiz editor: one question at a time, with the list of all and a preview. All is saved as it is
// written.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Plus, Upload } from "lucide";
import type { BoxState } from "../api/box";
import type { Fault } from "../api/http";
import { library, type Quiz } from "../api/library";
import { Button } from "../components/button";
import { DialogSheet } from "../components/dialog-sheet";
import { ErrorNote, Loading, showMessage } from "../components/feedback";
import { TextField } from "../components/form-field";
import { useLoad } from "../components/hooks";
import { PageHeader } from "../components/page-header";
import { PageTitle } from "../components/page-title";
import { KindChoice, KindDialog } from "../features/quiz/kind-choice";
import { QuestionEditor } from "../features/quiz/question-editor";
import { explainRefusal, explainFault } from "../features/quiz/question-fault";
import { copyQuestion, type EditorKind, makeQuestion } from "../features/quiz/question-kinds";
import { QuestionList } from "../features/quiz/question-list";
import { type PreviewPlace, QuestionPreview } from "../features/quiz/question-preview";
import { ExportMenu } from "../features/quiz/quiz-export";
import { QuizImport } from "../features/quiz/quiz-import";
import { t } from "../locales/i18n";
import { line, type Line, ofTitle, QuizDraft } from "../state/quiz-draft";
import { go } from "../state/router";
import { useStaff } from "../state/use-staff";
import css from "./quiz.module.css";

const most = 100; // questions
const soon = 3000; // ms that Done waits for the box

export function QuizPage({ state, arg }: { state: BoxState; arg: string }) {
  const staff = useStaff(state);
  const [quiz, fault, again] = useLoad(() => library.quiz(arg), [arg]);
  const [turn, setTurn] = useState(0);
  if (!staff) return <main id="main" />;
  const reload = async () => {
    const got = await library.quiz(arg).catch(() => null);
    if (got && quiz) Object.assign(quiz, got);
    setTurn(turn + 1);
  };
  return (
    <>
      <PageHeader state={state} />
      <main id="main" class={css.page}>
        {fault && <ErrorNote fault={fault} retry={again} />}
        {!quiz && !fault && <Loading />}
        {quiz && <Edit key={`${quiz.id}/${turn}`} from={quiz} reload={() => void reload()} />}
      </main>
    </>
  );
}

// useDraft is the quiz while it is written. It is saved when the page is left.
function useDraft(from: Quiz): QuizDraft {
  const draft = useMemo(() => new QuizDraft(from), []);
  useEffect(() => {
    const ask = (e: BeforeUnloadEvent) => draft.state.value !== "saved" && !draft.kept && e.preventDefault();
    addEventListener("beforeunload", ask);
    return () => {
      removeEventListener("beforeunload", ask);
      void draft.save();
      draft.close();
    };
  }, []);
  return draft;
}

function Edit({ from, reload }: { from: Quiz; reload: () => void }) {
  const draft = useDraft(from);
  const [open, setOpen] = useState<"import" | "kinds" | null>(null);
  const [leaving, setLeaving] = useState<Unfinished[] | null>(null);
  const [chosen, setChosen] = useState(0); // uid
  const [said, say] = useState(""); // to screen readers
  const [place, setPlace] = useState<PreviewPlace>("phone");
  const [seek, setSeek] = useState<{ what: string } | null>(null);
  const editors = useRef<HTMLDivElement>(null);
  const opened = useRef(new Set<number>());
  const lines = draft.lines.value;
  const refusals = draft.refusals.value;
  const head = draft.head.value;
  const at = Math.max(
    0,
    lines.findIndex((l) => l.uid === chosen),
  );
  const now = lines[at];
  // A question that was open stays in the page, so that a number that is none yet is not lost.
  if (now) opened.current.add(now.uid);
  const editor = (uid: number) => editors.current?.querySelector<HTMLElement>(`[data-uid="${uid}"]`);
  useEffect(() => {
    if (!seek || !now) return;
    editor(now.uid)?.querySelector<HTMLElement>(seek.what)?.focus();
  }, [seek]);
  const choose = (uid: number, what?: string) => {
    setChosen(uid);
    if (what) setSeek({ what });
  };
  const put = (next: Line[]) => draft.put({ lines: next });
  const move = (i: number, to: number) => {
    const next = [...lines];
    next.splice(to, 0, ...next.splice(i, 1));
    put(next);
    say(t("edit.moved", { n: i + 1, to: to + 1, of: lines.length }));
  };
  const moveBy = (by: number) => {
    move(at, at + by);
    const end = by < 0 ? at + by === 0 : at + by === lines.length - 1; // the button that was pressed is off there
    if (end) setSeek({ what: `[data-tools] button:nth-child(${by < 0 ? 2 : 1})` });
  };
  const remove = () => {
    const gone = now!;
    const i = at;
    put(lines.filter((l) => l !== gone));
    const near = lines[i + 1] ?? lines[i - 1];
    if (near) choose(near.uid, "[data-tools] button:last-child");
    showMessage(t("edit.removed", { n: i + 1 }), () => {
      put([...draft.lines.value.slice(0, i), gone, ...draft.lines.value.slice(i)]);
      choose(gone.uid, "textarea");
    });
  };
  const copy = () => {
    const made = line(copyQuestion(now!.item));
    put([...lines.slice(0, at + 1), made, ...lines.slice(at + 1)]);
    choose(made.uid, "textarea");
    say(t("edit.copied", { n: at + 1, to: at + 2 }));
  };
  // A new question comes after the one that is open, an import at the end.
  const add = (kind: EditorKind) => {
    setOpen(null);
    const made = line(makeQuestion(kind));
    put([...lines.slice(0, at + 1), made, ...lines.slice(at + 1)].slice(0, most));
    choose(made.uid, "textarea");
  };
  const invalid = (l: Line) => !!editor(l.uid)?.querySelector('[aria-invalid="true"]');
  const done = async () => {
    const late = new Promise<string>((r) => setTimeout(r, soon, "late"));
    do if (await Promise.race([draft.save(), late])) break;
    while (draft.state.value === "waiting");
    // A number that is none is in its field only, and nothing has refused it.
    const wrong = draft.lines.value.flatMap((l, i) =>
      invalid(l) && !draft.refusals.value.has(l.uid)
        ? [{ name: t("edit.question", { n: i + 1 }), why: t("edit.err.no_number") }]
        : [],
    );
    if (draft.state.value === "saved" && wrong.length === 0) go("/teach");
    else setLeaving(wrong);
  };
  const stay = () => {
    setLeaving(null);
    const first = lines.find((l) => refusals.has(l.uid) || invalid(l));
    if (first) choose(first.uid, '[aria-invalid="true"]');
  };
  const full = lines.length >= most;
  return (
    <>
      <div class={css.top}>
        <PageTitle>{t("edit.heading")}</PageTitle>
        <Saving draft={draft} reload={reload} />
        <div class={css.actions}>
          <Button icon={Upload} onClick={() => setOpen("import")}>
            {t("quizzes.gift")}
          </Button>
          <ExportMenu id={head.id} />
          <Button kind="primary" onClick={() => void done()}>
            {t("edit.done")}
          </Button>
        </div>
      </div>
      <Settings draft={draft} />
      {now ? (
        <div class={css.columns}>
          <div class={css.list}>
            <QuestionList
              lines={lines}
              selected={now.uid}
              incomplete={(uid) => refusals.has(uid)}
              select={choose}
              move={move}
            />
            {full ? (
              <p class="note warn">{t("edit.full", { n: most })}</p>
            ) : (
              <Button icon={Plus} onClick={() => setOpen("kinds")}>
                {t("edit.add")}
              </Button>
            )}
          </div>
          <div ref={editors}>
            {lines
              .map((l, i) => ({ l, i }))
              .filter(({ l }) => opened.current.has(l.uid))
              .map(({ l, i }) => (
                <QuestionEditor
                  key={l.uid}
                  uid={l.uid}
                  n={i}
                  of={lines.length}
                  item={l.item}
                  refusal={refusals.get(l.uid)}
                  known={draft.known(l.item)}
                  hidden={l !== now}
                  full={full}
                  change={(edit) =>
                    put(draft.lines.value.map((x) => (x.uid === l.uid ? { ...x, item: edit(x.item) } : x)))
                  }
                  move={moveBy}
                  copy={copy}
                  remove={remove}
                />
              ))}
          </div>
          <div class={css.preview}>
            <QuestionPreview item={now.item} n={at} of={lines.length} place={place} setPlace={setPlace} />
          </div>
        </div>
      ) : (
        <section class={css.empty} aria-labelledby="add-title">
          <h2 id="add-title">{t("edit.add")}</h2>
          <p>{t("edit.empty")}</p>
          <KindChoice choose={add} />
        </section>
      )}
      <p class="visually-hidden" role="status">
        {said}
      </p>
      {leaving && <Leave draft={draft} wrong={leaving} stay={stay} />}
      {open === "kinds" && <KindDialog choose={add} close={() => setOpen(null)} />}
      {open === "import" && (
        <QuizImport
          close={() => setOpen(null)}
          room={most - lines.length}
          take={(items) => {
            setOpen(null);
            const more = items.map((item) => line({ ...item, id: "" }));
            put([...draft.lines.value, ...more].slice(0, most));
            if (more[0]) choose(more[0].uid, "textarea");
          }}
        />
      )}
    </>
  );
}

// Settings are of the whole quiz.
function Settings({ draft }: { draft: QuizDraft }) {
  const head = draft.head.value;
  return (
    <section class={css.settings} aria-label={t("edit.settings")}>
      <TextField
        label={t("edit.title")}
        name="title"
        value={head.title}
        onInput={(title) => draft.put({ head: { title } })}
        fault={draft.refusals.value.get(ofTitle)?.fault}
        maxLength={200}
        autoComplete="off"
      />
      <label class="check">
        <input
          type="checkbox"
          checked={head.paced === "pupil"}
          onChange={(e) => draft.put({ head: { paced: e.currentTarget.checked ? "pupil" : "teacher" } })}
        />
        {t("edit.paced")}
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={head.speed}
          onChange={(e) => draft.put({ head: { speed: e.currentTarget.checked } })}
        />
        {t("edit.speed")}
      </label>
    </section>
  );
}

interface Unfinished {
  name: string;
  why: string;
}

const why = (f: Fault) => explainFault(f);

// unfinished are the names of what the box has refused, in the order of the page.
function unfinished(draft: QuizDraft): Unfinished[] {
  const refusals = draft.refusals.value;
  const named = (uid: number, name: string) =>
    refusals.has(uid) ? [{ name, why: explainRefusal(refusals.get(uid)!) }] : [];
  return [
    ...named(ofTitle, t("edit.title")),
    ...draft.lines.value.flatMap((l, i) => named(l.uid, t("edit.question", { n: i + 1 }))),
  ];
}

// Saving says how far the saving is, and what the box cannot store yet.
function Saving({ draft, reload }: { draft: QuizDraft; reload: () => void }) {
  const how = draft.state.value;
  const fault = draft.fault.value;
  if (how === "changed") {
    return (
      <div class={`note bad ${css.changed}`} role="alert">
        <p>{t("edit.changed")}</p>
        <div class="row">
          <Button
            onClick={() => {
              draft.forget();
              reload();
            }}
          >
            {t("edit.reload")}
          </Button>
          <Button onClick={() => void draft.keepMine()}>{t("edit.mine")}</Button>
        </div>
      </div>
    );
  }
  const warn = how === "refused" || how === "unfinished";
  return (
    <p id="saving" role="status" class={warn ? css.warn : css.saving}>
      {how === "refused" && fault
        ? why(fault)
        : how === "unfinished"
          ? t("edit.unfinished", {
              list: unfinished(draft)
                .map((u) => u.name)
                .join(" · "),
            })
          : how === "offline"
            ? t("edit.offline")
            : t(how === "saved" ? "edit.saved" : "edit.saving")}
    </p>
  );
}

// Leave says what is not on the box before the teacher goes.
function Leave({ draft, wrong, stay }: { draft: QuizDraft; wrong: Unfinished[]; stay: () => void }) {
  const how = draft.state.value;
  const list = [...unfinished(draft), ...wrong];
  return (
    <DialogSheet title={t("edit.leaveTitle")} onClose={stay}>
      <div class="stack">
        {list.length > 0 && (
          <ul class="stack tight">
            {list.map((u) => (
              <li key={u.name}>
                <strong>{u.name}</strong> – {u.why}
              </li>
            ))}
          </ul>
        )}
        {how === "changed" ? (
          <p>{t("edit.changed")}</p>
        ) : how === "refused" && draft.fault.value ? (
          <p>{why(draft.fault.value)}</p>
        ) : how !== "saved" && how !== "unfinished" ? (
          <p>{t("edit.offline")}</p>
        ) : (
          list.length === 0 && <p>{t("edit.saved")}</p>
        )}
        <p>{t(draft.kept ? "edit.leaveKept" : "edit.leaveLost")}</p>
        <div class="row end">
          <Button onClick={() => go("/teach")}>{t("edit.leave")}</Button>
          <Button kind="primary" onClick={stay}>
            {t("edit.stay")}
          </Button>
        </div>
      </div>
    </DialogSheet>
  );
}
