// The quiz editor: questions of every kind, saved as they are written.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Fault, State } from "../core/api";
import { Draft, line, type Line } from "../core/draft";
import { explain, t } from "../core/i18n";
import { A, Failed, Field, Loading, Title, maybe, tell, useLoad } from "../core/kit";
import { prepare, type Quiz } from "../core/prepare";
import { Add, Editor } from "../features/edit";
import { Topbar, useStaff } from "../features/frame";
import { Gift } from "../features/gift";
import "./quiz.css";

const most = 100; // questions

export function QuizPage({ state, arg }: { state: State; arg: string }) {
  const staff = useStaff(state);
  const [quiz, fault, again] = useLoad(() => prepare.quiz(arg), [arg]);
  const [turn, setTurn] = useState(0);
  if (!staff) return <main id="main" />;
  const reload = async () => {
    const got = await prepare.quiz(arg).catch(() => null);
    if (got && quiz) Object.assign(quiz, got);
    setTurn(turn + 1);
  };
  return (
    <>
      <Topbar state={state} />
      <main id="main" class="page stack">
        {fault && <Failed fault={fault} retry={again} />}
        {!quiz && !fault && <Loading />}
        {quiz && <Edit key={`${quiz.id}/${turn}`} from={quiz} reload={() => void reload()} />}
      </main>
    </>
  );
}

function Edit({ from, reload }: { from: Quiz; reload: () => void }) {
  const draft = useMemo(() => new Draft(from), []);
  const [gift, setGift] = useState(false);
  const list = useRef<HTMLOListElement>(null);
  const [seek, setSeek] = useState<{ uid: number; what: string } | null>(null);
  useEffect(() => {
    // A question that was added or moved has the focus.
    if (seek) list.current?.querySelector<HTMLElement>(`[data-uid="${seek.uid}"] ${seek.what}`)?.focus();
  }, [seek]);
  useEffect(() => {
    const ask = (e: BeforeUnloadEvent) => draft.state.value !== "saved" && !draft.kept && e.preventDefault();
    addEventListener("beforeunload", ask);
    return () => {
      removeEventListener("beforeunload", ask);
      void draft.save();
      draft.close();
    };
  }, []);
  const head = draft.head.value;
  const lines = draft.lines.value;
  const fault = draft.fault.value;
  const at = /^items\[(\d+)\]\.(.+)$/.exec(fault?.field ?? "");
  const flag = (name: "speed" | "board") => (
    <label class="check"><input type="checkbox" checked={head[name]} onChange={(e) => draft.put({ head: { [name]: e.currentTarget.checked } })} />{t(`edit.${name}`)}</label>
  );
  const move = (i: number, by: number) => {
    const next = [...lines];
    next.splice(i + by, 0, ...next.splice(i, 1));
    draft.put({ lines: next });
    const end = by < 0 ? i + by === 0 : i + by === next.length - 1; // the button that was pressed is off there
    setSeek({ uid: lines[i]!.uid, what: by < 0 !== end ? ".move-up" : ".move-down" });
  };
  const remove = (i: number) => {
    const gone = lines[i]!;
    draft.put({ lines: lines.filter((l) => l !== gone) });
    const near = lines[i + 1] ?? lines[i - 1];
    if (near) setSeek({ uid: near.uid, what: ".remove" });
    tell(t("edit.removed", { n: i + 1 }), () => draft.put({ lines: [...draft.lines.value.slice(0, i), gone, ...draft.lines.value.slice(i)] }));
  };
  const add = (more: Line[]) => {
    draft.put({ lines: [...draft.lines.value, ...more].slice(0, most) });
    if (more[0]) setSeek({ uid: more[0].uid, what: "textarea" });
  };
  return (
    <>
      <div class="row between">
        <Title>{t("edit.heading")}</Title>
        <span class="row">
          <button type="button" onClick={() => setGift(true)}>{t("quizzes.gift")}</button>
          <a class="button" href={prepare.giftFile(head.id)} download aria-describedby="saving">{t("edit.export")}</a>
          <A class="button primary" href="/teach">{t("edit.done")}</A>
        </span>
      </div>
      <Told draft={draft} at={at} reload={reload} />
      <section class="card stack" aria-label={t("edit.settings")}>
        <Field label={t("edit.title")} name="title" value={head.title} onInput={(title) => draft.put({ head: { title } })} fault={fault} maxLength={200} autoComplete="off" />
        <div class="row">
          <label class="check"><input type="checkbox" checked={head.paced === "pupil"} onChange={(e) => draft.put({ head: { paced: e.currentTarget.checked ? "pupil" : "teacher" } })} />{t("edit.paced")}</label>
          {flag("speed")}{flag("board")}
        </div>
      </section>
      {lines.length === 0 && <p class="empty">{t("edit.empty")}</p>}
      <ol class="stack editors" ref={list}>
        {lines.map((l, i) => (
          <Editor
            key={l.uid} uid={l.uid} n={i} of={lines.length} item={l.item} fault={at && Number(at[1]) === i && fault ? { fault, field: at[2]! } : null}
            set={(item) => draft.put({ lines: draft.lines.value.map((x) => (x.uid === l.uid ? { ...x, item } : x)) })}
            move={(by) => move(i, by)} remove={() => remove(i)}
          />
        ))}
      </ol>
      {lines.length < most ? <Add add={(item) => add([line(item)])} /> : <p class="note warn">{t("edit.full", { n: most })}</p>}
      {gift && <Gift close={() => setGift(false)} take={(items) => { setGift(false); add(items.map((item) => line({ ...item, id: "" }))); }} />}
    </>
  );
}

// Told says how far the saving is, and what the box cannot take yet.
function Told({ draft, at, reload }: { draft: Draft; at: RegExpExecArray | null; reload: () => void }) {
  const how = draft.state.value;
  const fault = draft.fault.value;
  if (how === "changed") {
    return (
      <div class="note bad stack tight" role="alert">
        <p>{t("edit.changed")}</p>
        <div class="row">
          <button type="button" onClick={() => { draft.forget(); reload(); }}>{t("edit.reload")}</button>
          <button type="button" onClick={() => void draft.keepMine()}>{t("edit.mine")}</button>
        </div>
      </div>
    );
  }
  const why = (f: Fault) => maybe(`edit.err.${f.code}`) || explain(f);
  return (
    <p id="saving" role="status" class={how === "refused" ? "note warn" : "muted saving"}>
      {how === "refused" && fault
        ? at ? <>{t("edit.fault", { n: Number(at[1]) + 1 })} {why(fault)}</> : why(fault)
        : how === "offline" ? t("edit.offline") : t(how === "saved" ? "edit.saved" : "edit.saving")}
    </p>
  );
}
