// The quiz editor: questions of every kind, saved as they are written.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Fault, State } from "../core/api";
import { t } from "../core/i18n";
import { A, Failed, Field, Loading, Title, useLoad } from "../core/kit";
import { prepare, type Quiz } from "../core/prepare";
import { Add, Editor } from "../features/edit";
import { Topbar, useStaff } from "./home";
import "./quiz.css";

export function QuizPage({ state, arg }: { state: State; arg: string }) {
  const staff = useStaff(state);
  const [quiz, fault, again] = useLoad(() => prepare.quiz(arg), [arg]);
  if (!staff) return <main id="main" />;
  return (
    <>
      <Topbar state={state} />
      <main id="main" class="page stack">
        {fault && <Failed fault={fault} retry={again} />}
        {!quiz && !fault && <Loading />}
        {quiz && <Edit key={quiz.id} from={quiz} reload={again} />}
      </main>
    </>
  );
}

type Saving = "saved" | "dirty" | "saving" | "changed";

// useSaving writes the quiz to the box soon after the last change.
function useSaving(from: Quiz): [Quiz, (q: Quiz) => void, Saving, Fault | null] {
  const [quiz, setQuiz] = useState(from);
  const [how, setHow] = useState<Saving>("saved");
  const [fault, setFault] = useState<Fault | null>(null);
  const updated = useRef(from.updated);
  const turn = useRef(0);
  useEffect(() => {
    if (how !== "dirty") return;
    const mine = ++turn.current;
    const timer = setTimeout(async () => {
      setHow("saving");
      try {
        const got = await prepare.putQuiz({ ...quiz, updated: updated.current });
        updated.current = got.updated;
        setFault(null);
        if (mine === turn.current) setHow("saved");
      } catch (e) {
        setFault(e as Fault);
        setHow((e as Fault).code === "changed" ? "changed" : "saved");
      }
    }, 600);
    return () => clearTimeout(timer);
  }, [quiz, how === "dirty"]);
  useEffect(() => {
    const ask = (e: BeforeUnloadEvent) => how !== "saved" && e.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [how]);
  return [quiz, (q) => { setQuiz(q); setHow("dirty"); turn.current++; }, how, fault];
}

function Edit({ from, reload }: { from: Quiz; reload: () => void }) {
  const [quiz, set, how, fault] = useSaving(from);
  const flag = (name: "speed" | "board") => (
    <label class="check"><input type="checkbox" checked={quiz[name]} onChange={(e) => set({ ...quiz, [name]: e.currentTarget.checked })} />{t(`edit.${name}`)}</label>
  );
  const move = (i: number, by: number) => {
    const items = [...quiz.items];
    items.splice(i + by, 0, ...items.splice(i, 1));
    set({ ...quiz, items });
  };
  const at = /^items\[(\d+)\]\.(.+)$/.exec(fault?.field ?? "");
  return (
    <>
      <div class="row between">
        <Title>{t("edit.heading")}</Title>
        <span class="row">
          <span role="status" class="muted">{fault ? "" : t(`edit.${how === "saved" ? "saved" : "saving"}`)}</span>
          <a class="button" href={prepare.giftFile(quiz.id)} download>{t("edit.export")}</a>
          <A class="button primary" href="/teach">{t("edit.done")}</A>
        </span>
      </div>
      {fault && (fault.code === "changed" ? (
        <div class="note bad" role="alert"><p>{t("edit.changed")}</p><button type="button" onClick={() => { reload(); location.reload(); }}>{t("edit.reload")}</button></div>
      ) : at ? <p class="note warn" role="alert">{t("edit.fault", { n: Number(at[1]) + 1 })}</p> : <Failed fault={fault} />)}
      <section class="card stack" aria-label={t("edit.settings")}>
        <Field label={t("edit.title")} name="title" value={quiz.title} onInput={(title) => set({ ...quiz, title })} fault={fault} maxLength={120} autoComplete="off" />
        <div class="row">
          <label class="check"><input type="checkbox" checked={quiz.paced === "pupil"} onChange={(e) => set({ ...quiz, paced: e.currentTarget.checked ? "pupil" : "teacher" })} />{t("edit.paced")}</label>
          {flag("speed")}{flag("board")}
        </div>
      </section>
      <ol class="stack editors">
        {quiz.items.map((item, i) => (
          <Editor
            key={i} n={i} of={quiz.items.length} item={item} fault={at && Number(at[1]) === i && fault ? { fault, field: at[2]! } : null}
            set={(it) => set({ ...quiz, items: quiz.items.map((x, j) => (j === i ? it : x)) })} move={(by) => move(i, by)}
            remove={() => set({ ...quiz, items: quiz.items.filter((_, j) => j !== i) })}
          />
        ))}
      </ol>
      <Add add={(item) => set({ ...quiz, items: [...quiz.items, item] })} />
    </>
  );
}
