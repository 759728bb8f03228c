// Starting a lesson, and giving things their names.
import { useState } from "preact/hooks";
import { Fault, type Class } from "../core/api";
import { t } from "../core/i18n";
import { Field, General, useLoad, useTask } from "../core/kit";
import { prepare } from "../core/prepare";
import { go } from "../core/router";
import { Sheet } from "./frame";

// named has the fault of a title at the one field there is.
const named = (f: Fault | null) => (f?.field === "title" ? new Fault(f.status, f.reason, f.code, "name", f.limit) : f);

// NameSheet asks for one name: of a class, or of slides.
export function NameSheet(props: { title: string; label: string; yes: string; value?: string; limit?: number; save: (name: string) => Promise<void>; onClose: () => void }) {
  const [name, setName] = useState(props.value ?? "");
  const [busy, fault, run] = useTask();
  return (
    <Sheet title={props.title} onClose={props.onClose}>
      <form class="stack" onSubmit={(e) => { e.preventDefault(); void run(() => props.save(name.trim())); }}>
        <Field label={props.label} name="name" value={name} onInput={setName} fault={named(fault)} required maxLength={props.limit ?? 80} autoComplete="off" />
        <General fault={fault} fields={["name", "title"]} />
        <button type="submit" class="primary" disabled={busy || !name.trim()}>{props.yes}</button>
      </form>
    </Sheet>
  );
}

export function StartSheet({ cls, onClose }: { cls: Class; onClose: () => void }) {
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
