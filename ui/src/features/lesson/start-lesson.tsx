// Starting a lesson, and giving things their names.
import { useState } from "preact/hooks";
import type { Class } from "../../api/box";
import { Button } from "../../components/button";
import { t } from "../../locales/i18n";
import { FormError, TextField } from "../../components/form-field";
import { useLoad, useTask } from "../../components/hooks";
import { library } from "../../api/library";
import { go } from "../../state/router";
import { DialogSheet } from "../../components/dialog-sheet";

export function StartLesson({ cls, onClose }: { cls: Class; onClose: () => void }) {
  const [title, setTitle] = useState("");
  const [quiz, setQuiz] = useState("");
  const [deck, setDeck] = useState("");
  const [shelf] = useLoad(async () => ({
    quizzes: await library.quizzes(),
    decks: (await library.decks()).filter((d) => d.state === "ready"),
  }));
  const [busy, fault, run] = useTask();
  const start = (e: Event) => {
    e.preventDefault();
    void run(async () =>
      go(`/teach/${encodeURIComponent((await library.start(cls.id, title.trim(), quiz, deck)).room)}`),
    );
  };
  const choose = (
    id: string,
    label: string,
    value: string,
    set: (v: string) => void,
    list: { id: string; title: string }[],
  ) =>
    list.length > 0 && (
      <div class="field">
        <label for={id}>{label}</label>
        <select id={id} value={value} onChange={(e) => set(e.currentTarget.value)}>
          <option value="">{t("home.none")}</option>
          {list.map((x) => (
            <option key={x.id} value={x.id}>
              {x.title}
            </option>
          ))}
        </select>
      </div>
    );
  return (
    <DialogSheet title={t("home.startIn", { name: cls.name })} onClose={onClose}>
      <form class="stack" onSubmit={start}>
        {cls.pupils.length === 0 && <p class="note warn">{t("home.startEmpty")}</p>}
        <TextField
          label={t("home.lessonTitle")}
          name="title"
          value={title}
          onInput={setTitle}
          fault={fault}
          hint={t("home.lessonTitleHint")}
          autoComplete="off"
          maxLength={80}
        />
        {choose("start-deck", t("home.deck"), deck, setDeck, shelf?.decks ?? [])}
        {choose("start-quiz", t("home.quiz"), quiz, setQuiz, shelf?.quizzes ?? [])}
        <FormError fault={fault} fields={["title"]} />
        <Button type="submit" kind="primary" big busy={busy}>
          {t("home.start")}
        </Button>
      </form>
    </DialogSheet>
  );
}
