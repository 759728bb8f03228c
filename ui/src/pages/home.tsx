// A teacher's start: the classes, their lists, and the lessons that are open.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, type Added, type Class, type Fault, type Lesson, type Pupil, type State } from "../core/api";
import { clock, t } from "../core/i18n";
import { prepare } from "../core/prepare";
import { Decks } from "../features/decks";
import { Intake } from "../features/intake";
import { Quizzes } from "../features/quizzes";
import { A, Confirm, Empty, Failed, Field, General, Loading, Title, maybe, tell, tellFault, useLoad, useTask } from "../core/kit";
import { go } from "../core/router";
import { reload } from "../core/state";
import { Language } from "./login";
import "./home.css";

// Code is a lesson's code in two groups, as it is read aloud.
export const Code = ({ code }: { code: string }) => <bdi dir="ltr" class="join-code">{code.slice(0, 3)} {code.slice(3)}</bdi>;

// Sheet is a dialog over the page, with a heading.
export function Sheet({ title, onClose, wide, children }: { title: string; onClose: () => void; wide?: boolean; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => ref.current?.showModal(), []);
  return (
    <dialog ref={ref} class={wide ? "dlg wide" : "dlg"} aria-labelledby="over-title" onClose={(e) => e.target === ref.current && onClose()}>
      <div class="row between dlg-head">
        <h2 id="over-title">{title}</h2>
        <button type="button" class="quiet" aria-label={t("close")} onClick={() => ref.current?.close()}>✕</button>
      </div>
      {children}
    </dialog>
  );
}

// Topbar is the head of a teacher's pages.
export function Topbar({ state }: { state: State }) {
  const out = async () => {
    try {
      await api.logout();
      await reload();
      go("/login");
    } catch (e) {
      tellFault(e as Fault);
    }
  };
  return (
    <header class="topbar">
      <A href="/teach" class="logo">LiveLearn</A>
      <span class="muted topbar-box"><bdi>{state.box.name}</bdi></span>
      <span class="grow" />
      <span class="muted topbar-me"><bdi>{state.me.name}</bdi></span>
      {state.me.admin && <A class="button quiet" href="/admin">{t("home.admin")}</A>}
      <Language />
      <button type="button" class="quiet" onClick={() => void out()}>{t("home.logout")}</button>
    </header>
  );
}

// useStaff sends everybody else to the sign-in page.
export function useStaff(state: State): boolean {
  const ok = state.me.role === "teacher";
  useEffect(() => {
    if (!ok) go("/login", true);
  }, [ok]);
  return ok;
}

// usePreview asks the box what would come of a pasted list, soon after the last key.
export function usePreview(text: string, ask: (text: string) => Promise<Added>): [Added | null, Fault | null] {
  const [got, set] = useState<[Added | null, Fault | null]>([null, null]);
  useEffect(() => {
    if (!text.trim()) return set([null, null]);
    let here = true;
    const timer = setTimeout(() => {
      ask(text).then((a) => here && set([a, null]), (f) => here && set([null, f]));
    }, 350);
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [text]);
  return got;
}

// Preview is what would come of a pasted list, in words.
export function Preview({ added, fault }: { added: Added | null; fault: Fault | null }) {
  return (
    <div class="preview stack" aria-live="polite">
      {fault && <Failed fault={fault} />}
      {added && (
        <>
          <ul class="row preview-counts">
            <li class="pill ok">+ {t("home.paste.added", { n: added.added.length })}</li>
            {added.unchanged.length > 0 && <li class="pill">= {t("home.paste.unchanged", { n: added.unchanged.length })}</li>}
            {added.problems.length > 0 && <li class="pill warn">! {t("home.paste.problems", { n: added.problems.length })}</li>}
          </ul>
          {added.problems.length > 0 && (
            <ul class="problems">
              {added.problems.map((p) => (
                <li key={p.line}>
                  <strong>{t("home.paste.line", { line: p.line })}</strong> <bdi class="mono">{p.text}</bdi>: {maybe(`home.problem.${p.code}`) || p.message}
                </li>
              ))}
            </ul>
          )}
          {added.added.length > 0 && (
            <ul class="chips" aria-label={t("home.paste.new")}>{added.added.map((p) => <li key={p.name}><bdi>{p.name}</bdi></li>)}</ul>
          )}
        </>
      )}
    </div>
  );
}

// Names is the field for a pasted list.
export function Names({ text, set }: { text: string; set: (v: string) => void }) {
  return (
    <div class="field">
      <label for="names">{t("home.paste.label")}</label>
      <textarea
        id="names" rows={6} value={text} dir="auto" spellcheck={false} autoComplete="off" aria-describedby="names-hint"
        placeholder={t("home.paste.example")} onInput={(e) => set(e.currentTarget.value)}
      />
      <small id="names-hint">{t("home.paste.hint")}</small>
    </div>
  );
}

type Open =
  | { what: "add" }
  | { what: "start" | "list" | "rename" | "delete"; cls: string };

export function Home({ state }: { state: State; arg: string }) {
  if (!useStaff(state)) return <main id="main" />;
  return <><Topbar state={state} /><Classes state={state} /></>;
}

// ClockNote offers this device's time to a box that has none of its own.
function ClockNote({ state }: { state: State }) {
  const [done, setDone] = useState(false);
  const off = state.clock ? Math.abs(state.clock.now - Date.now()) : 0;
  if (done || !state.clock || state.clock.trusted || off < 60000) return null;
  const set = () => prepare.setClock().then(() => { setDone(true); tell(t("home.clock.done")); }, (f: Fault) => tellFault(f));
  return (
    <div class="note warn row between">
      <p>{t("home.clock.off", { time: clock(state.clock.now) })}</p>
      <button type="button" onClick={() => void set()}>{t("home.clock.set")}</button>
    </div>
  );
}

function Classes({ state }: { state: State }) {
  const [data, fault, again] = useLoad(async () => ({ classes: await api.classes(), lessons: await api.lessons() }));
  const [open, setOpen] = useState<Open | null>(null);
  const done = () => {
    setOpen(null);
    again();
  };
  const cls = open && open.what !== "add" ? data?.classes.find((c) => c.id === open.cls) : undefined;
  return (
    <main id="main" class="page stack">
      <div class="row between">
        <Title>{t("home.title")}</Title>
        <button type="button" onClick={() => setOpen({ what: "add" })}>+ {t("home.add")}</button>
      </div>
      <ClockNote state={state} />
      {fault && <Failed fault={fault} retry={again} />}
      {!data && !fault && <Loading />}
      {data?.classes.length === 0 && (
        <div class="card stack first">
          <Empty>{t("home.empty")}</Empty>
          <button type="button" class="primary big" onClick={() => setOpen({ what: "add" })}>{t("home.add")}</button>
        </div>
      )}
      {data && data.classes.length > 0 && (
        <ul class="cards">
          {[...data.classes]
            .sort((a, b) => Number(data.lessons.some((l) => l.class === b.id)) - Number(data.lessons.some((l) => l.class === a.id)))
            .map((c) => <Card key={c.id} cls={c} lesson={data.lessons.find((l) => l.class === c.id)} open={setOpen} />)}
        </ul>
      )}
      {data && <details class="card home-import"><summary>{t("home.import")}</summary><Intake cls="" done={again} /></details>}
      <div class="home-shelf"><Quizzes /><Decks /></div>
      {open?.what === "add" && <NameSheet title={t("home.add")} label={t("home.className")} yes={t("home.addYes")} onClose={() => setOpen(null)}
        save={async (name) => {
          const c = await api.addClass(name);
          again();
          setOpen({ what: "list", cls: c.id });
        }} />}
      {cls && open?.what === "rename" && <NameSheet key={cls.id} title={t("home.rename")} label={t("home.className")} yes={t("home.save")} value={cls.name}
        onClose={() => setOpen(null)} save={async (name) => { await api.renameClass(cls.id, name); done(); }} />}
      {cls && open?.what === "start" && <StartSheet cls={cls} onClose={() => setOpen(null)} />}
      {cls && open?.what === "list" && <ListSheet key={cls.id} cls={cls} changed={again} onClose={done} start={() => setOpen({ what: "start", cls: cls.id })}
        running={!!data?.lessons.some((l) => l.class === cls.id)} />}
      {cls && open?.what === "delete" && (
        <Confirm
          text={t("home.deleteAsk", { name: cls.name, n: cls.pupils.length })} yes={t("home.delete")} onNo={() => setOpen(null)}
          onYes={() => api.deleteClass(cls.id).then(() => { tell(t("home.deleted", { name: cls.name })); done(); }, (f) => { tellFault(f); done(); })}
        />
      )}
    </main>
  );
}

function Card({ cls, lesson, open }: { cls: Class; lesson?: Lesson; open: (o: Open) => void }) {
  return (
    <li class={lesson ? "card class-card running" : "card class-card"}>
      <div class="row between">
        <h2><bdi>{cls.name}</bdi></h2>
        <More label={t("home.more", { name: cls.name })}>
          <button type="button" class="quiet" onClick={() => open({ what: "rename", cls: cls.id })}>{t("home.rename")}</button>
          <button type="button" class="quiet danger" onClick={() => open({ what: "delete", cls: cls.id })}>{t("home.delete")}…</button>
        </More>
      </div>
      {lesson ? (
        <div class="stack tight">
          <p class="pill live"><i class="dot" aria-hidden="true" />{t("home.running", { time: clock(lesson.started) })}</p>
          {lesson.title && lesson.title !== cls.name && <p><bdi>{lesson.title}</bdi></p>}
          {lesson.code && <p>{t("home.code")} <Code code={lesson.code} /></p>}
        </div>
      ) : null}
      <p class="muted">{t("home.pupils", { n: cls.pupils.length })}</p>
      <div class="row class-actions">
        {lesson
          ? <A class="button primary" href={`/teach/${encodeURIComponent(lesson.room)}`}>{t("home.back")}</A>
          : <button type="button" class="primary" onClick={() => open({ what: "start", cls: cls.id })}>{t("home.start")}</button>}
        <button type="button" onClick={() => open({ what: "list", cls: cls.id })}>{t("home.list")}</button>
      </div>
    </li>
  );
}

// More is a menu that native <details> opens; Escape and leaving it close it.
export function More({ label, children }: { label: string; children: ComponentChildren }) {
  const ref = useRef<HTMLDetailsElement>(null);
  const shut = (focus: boolean) => {
    if (!ref.current?.open) return;
    ref.current.open = false;
    if (focus) ref.current.querySelector("summary")?.focus();
  };
  return (
    <details
      class="more" ref={ref} onKeyDown={(e) => e.key === "Escape" && shut(true)}
      onFocusOut={(e) => !ref.current?.contains(e.relatedTarget as Node | null) && shut(false)}
    >
      <summary aria-label={label}>⋯</summary>
      <div class="more-list" onClick={() => shut(true)}>{children}</div>
    </details>
  );
}

function NameSheet(props: { title: string; label: string; yes: string; value?: string; save: (name: string) => Promise<void>; onClose: () => void }) {
  const [name, setName] = useState(props.value ?? "");
  const [busy, fault, run] = useTask();
  return (
    <Sheet title={props.title} onClose={props.onClose}>
      <form class="stack" onSubmit={(e) => { e.preventDefault(); void run(() => props.save(name.trim())); }}>
        <Field label={props.label} name="name" value={name} onInput={setName} fault={fault} required maxLength={80} autoComplete="off" />
        <General fault={fault} fields={["name"]} />
        <button type="submit" class="primary" disabled={busy || !name.trim()}>{props.yes}</button>
      </form>
    </Sheet>
  );
}

function StartSheet({ cls, onClose }: { cls: Class; onClose: () => void }) {
  const [title, setTitle] = useState("");
  const [quiz, setQuiz] = useState("");
  const [deck, setDeck] = useState("");
  const [shelf] = useLoad(async () => ({ quizzes: await prepare.quizzes(), decks: (await prepare.decks()).filter((d) => d.state === "ready") }));
  const [busy, fault, run] = useTask();
  const start = (e: Event) => {
    e.preventDefault();
    void run(async () => go(`/teach/${encodeURIComponent((await prepare.start(cls.id, title.trim(), quiz, deck)).room)}`));
  };
  const choose = (id: string, label: string, value: string, set: (v: string) => void, list: { id: string; title: string }[]) => list.length > 0 && (
    <div class="field"><label for={id}>{label}</label>
      <select id={id} value={value} onChange={(e) => set(e.currentTarget.value)}><option value="">{t("home.none")}</option>{list.map((x) => <option key={x.id} value={x.id}>{x.title}</option>)}</select></div>
  );
  return (
    <Sheet title={t("home.startIn", { name: cls.name })} onClose={onClose}>
      <form class="stack" onSubmit={start}>
        {cls.pupils.length === 0 && <p class="note warn">{t("home.startEmpty")}</p>}
        <Field label={t("home.lessonTitle")} name="title" value={title} onInput={setTitle} fault={fault} hint={t("home.lessonTitleHint")} autoComplete="off" maxLength={80} />
        {choose("start-deck", t("home.deck"), deck, setDeck, shelf?.decks ?? [])}
        {choose("start-quiz", t("home.quiz"), quiz, setQuiz, shelf?.quizzes ?? [])}
        <General fault={fault} fields={["title"]} />
        <button type="submit" class="primary big" disabled={busy}>{t("home.start")}</button>
      </form>
    </Sheet>
  );
}

function ListSheet({ cls, changed, onClose, start, running }: { cls: Class; changed: () => void; onClose: () => void; start: () => void; running: boolean }) {
  const [text, setText] = useState("");
  const [added, previewFault] = usePreview(text, (v) => api.addPupils(cls.id, v, true));
  const [busy, fault, run] = useTask();
  const add = (e: Event) => {
    e.preventDefault();
    void run(async () => {
      const got = await api.addPupils(cls.id, text, false);
      setText("");
      tell(t("home.paste.done", { n: got.added.length }));
      changed();
    });
  };
  const n = added?.added.length ?? 0;
  return (
    <Sheet title={t("home.listOf", { name: cls.name })} onClose={onClose} wide>
      <div class="list-sheet">
        <section class="stack" aria-labelledby="list-names">
          <h3 id="list-names">{t("home.pupils", { n: cls.pupils.length })}</h3>
          {cls.pupils.length === 0 ? <Empty>{t("home.listEmpty")}</Empty> : (
            <ul class="pupils">{cls.pupils.map((p) => <PupilLine key={p.id} cls={cls.id} pupil={p} changed={changed} />)}</ul>
          )}
        </section>
        <form class="stack" onSubmit={add}>
          <Names text={text} set={setText} />
          <Preview added={added} fault={previewFault} />
          <General fault={fault} fields={[]} />
          <button type="submit" class="primary" disabled={busy || n === 0}>{n > 0 ? t("home.paste.add", { n }) : t("home.paste.addNone")}</button>
          <h3>{t("home.file")}</h3>
          <Intake cls={cls.id} done={changed} />
        </form>
      </div>
      {!running && cls.pupils.length > 0 && (
        <div class="row end"><A class="button" href={`/cards/${encodeURIComponent(cls.id)}`}>{t("home.cards")}</A><button type="button" onClick={start}>{t("home.start")}</button></div>
      )}
    </Sheet>
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
          class="pupil-edit" onKeyDown={(e) => { if (e.key === "Escape") { e.preventDefault(); back(); } }}
          onSubmit={(e) => {
            e.preventDefault();
            void run(async () => {
              await api.renamePupil(cls, pupil.id, name.trim());
              changed();
              back();
            });
          }}
        >
          <input ref={input} value={name} dir="auto" aria-label={t("home.pupilName", { name: pupil.name })} aria-invalid={fault ? "true" : undefined}
            onInput={(e) => setName(e.currentTarget.value)} maxLength={80} />
          <button type="submit" class="primary" disabled={busy || !name.trim()}>{t("home.save")}</button>
          <button type="button" onClick={back}>{t("cancel")}</button>
          <General fault={fault} fields={[]} />
        </form>
      </li>
    );
  }
  return (
    <li class="pupil-line">
      <bdi>{pupil.name}</bdi>
      <button type="button" class="quiet" ref={button} aria-label={t("home.pupilRename", { name: pupil.name })} onClick={() => setName(pupil.name)}>{t("home.edit")}</button>
      <button type="button" class="quiet danger" aria-label={t("home.pupilDelete", { name: pupil.name })} onClick={() => setAsk(true)}>✕</button>
      {ask && (
        <Confirm
          text={t("home.pupilDeleteAsk", { name: pupil.name })} yes={t("home.delete")} onNo={() => setAsk(false)}
          onYes={() => api.deletePupil(cls, pupil.id).then(() => { setAsk(false); changed(); }, (f) => { setAsk(false); tellFault(f); })}
        />
      )}
    </li>
  );
}
