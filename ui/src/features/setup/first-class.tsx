// The last screen of the set-up, the first class, and the lesson that is ready then.
import { useRef, useState } from "preact/hooks";
import { api, type Class } from "../../api/box";
import { Fault } from "../../api/http";
import { imageURL } from "../../state/whiteboard";
import { t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { ButtonLink } from "../../components/button-link";
import { FormError, TextField } from "../../components/form-field";
import { PageTitle } from "../../components/page-title";
import { useLoad, useTask } from "../../components/hooks";
import { type Imported, library } from "../../api/library";
import { go } from "../../state/router";
import { ClassFileImport } from "./class-file-import";
import { ClassListField, ClassListPreview, useClassListPreview } from "./class-list-field";
import css from "./first-class.module.css";

type Way = "names" | "file";

// FirstClass takes the names by hand or by a file; both show first what would come of it.
export function FirstClass({ ready }: { ready: () => void }) {
  const [way, setWay] = useState<Way>("names");
  const imported = (got: Imported) => got.classes.some((c) => c.id) && ready();
  return (
    <div class="stack">
      <p class="note ok" role="status">
        ✓ {t("claim.yours")}
      </p>
      <PageTitle>{t("claim.classTitle")}</PageTitle>
      <fieldset class="row">
        <legend class="visually-hidden">{t("claim.way")}</legend>
        {(["names", "file"] as const).map((w) => (
          <label key={w} class="check">
            <input type="radio" name="way" checked={way === w} onChange={() => setWay(w)} />
            {t(`claim.way.${w}`)}
          </label>
        ))}
      </fieldset>
      {way === "names" ? <Typing ready={ready} /> : <ClassFileImport cls="" done={imported} />}
      <Button kind="quiet" onClick={ready}>
        {t("claim.skip")}
      </Button>
    </div>
  );
}

// Typing makes the class as soon as there are names to look at: the box previews them.
function Typing({ ready }: { ready: () => void }) {
  const [name, setName] = useState("");
  const [text, setText] = useState("");
  const made = useRef<Promise<{ id: string; name: string }> | null>(null);
  const [busy, fault, run] = useTask();
  const ensure = async () => {
    made.current ??= api.addClass(name.trim() || t("claim.className1"));
    try {
      return await made.current;
    } catch (e) {
      made.current = null; // tried again with another name
      throw e;
    }
  };
  const [added, previewFault] = useClassListPreview(text, async (v) => api.addPupils((await ensure()).id, v, true));
  const save = (e: Event) => {
    e.preventDefault();
    void run(async () => {
      if (!name.trim()) throw new Fault(0, "invalid", "empty", "name");
      if (!text.trim()) throw new Fault(0, "invalid", "no_names", "names");
      const c = await ensure();
      if (c.name !== name.trim())
        made.current = api.renameClass(c.id, name.trim()).catch((f) => {
          made.current = Promise.resolve(c);
          throw f;
        });
      await made.current;
      await api.addPupils(c.id, text, false);
      ready();
    });
  };
  return (
    <form class="stack" noValidate onSubmit={save}>
      <TextField
        label={t("home.className")}
        name="name"
        value={name}
        onInput={setName}
        fault={fault}
        hint={t("claim.classHint")}
        autoComplete="off"
        maxLength={80}
      />
      <ClassListField text={text} set={setText} />
      <ClassListPreview added={added} fault={previewFault} />
      <FormError fault={fault} fields={["name"]} />
      <Button type="submit" kind="primary" big busy={busy}>
        {t("claim.finish")}
      </Button>
    </form>
  );
}

// sampleOf is what came with the box, if nobody has deleted it.
async function sampleOf() {
  const [quizzes, decks] = await Promise.all([library.quizzes(), library.decks()]);
  return {
    quiz: quizzes.find((q) => q.id === "q_sample"),
    deck: decks.find((d) => d.id === "d_sample" && d.state === "ready"),
  };
}

// ReadyToTeach is the sample lesson with its big Start, on the home page until somebody has
// taught. A box without a class makes one: the teacher can look around alone.
export function ReadyToTeach({ classes }: { classes: Class[] }) {
  const [cls, setCls] = useState(classes[0]?.id ?? "");
  const [busy, fault, run] = useTask();
  const [sample] = useLoad(sampleOf);
  const mine = classes.find((c) => c.id === cls) ?? classes[0];
  const start = () =>
    void run(async () => {
      const { quiz, deck } = sample ?? {};
      const where = mine ?? (await api.addClass(t("claim.className1")));
      const lesson = await library.start(
        where.id,
        quiz?.title || t("claim.sampleTitle"),
        quiz?.id ?? "",
        deck?.id ?? "",
      );
      go(`/teach/${encodeURIComponent(lesson.room)}`);
    });
  const first = sample?.deck?.pages[0];
  if (!sample?.quiz && !sample?.deck) return null;
  return (
    <section class={css.ready} data-part="ready" aria-labelledby="ready-title">
      {sample?.deck && first && <img src={imageURL(sample.deck.id, first, 640)} alt="" />}
      <div class="stack">
        <h2 id="ready-title">{t("claim.readyTitle")}</h2>
        <p>{t("claim.ready")}</p>
        {classes.length > 1 && (
          <div class="field">
            <label for="ready-class">{t("claim.readyClass")}</label>
            <select id="ready-class" value={mine?.id} onChange={(e) => setCls(e.currentTarget.value)}>
              {classes.map((c) => (
                <option key={c.id} value={c.id}>
                  {c.name}
                </option>
              ))}
            </select>
          </div>
        )}
        {(!mine || mine.pupils.length === 0) && <p class="note warn">{t("claim.readyAlone")}</p>}
        <FormError fault={fault} fields={[]} />
        <div class="row">
          <Button kind={mine?.pupils.length ? "primary" : "secondary"} big busy={busy} onClick={start}>
            {t("claim.start")}
          </Button>
          {sample?.quiz && (
            <ButtonLink kind="quiet" href={`/quiz/${encodeURIComponent(sample.quiz.id)}`}>
              {t("claim.look")}
            </ButtonLink>
          )}
        </div>
      </div>
    </section>
  );
}
