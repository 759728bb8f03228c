// The sample quizzes that came with the box: a sheet to look for one, to read its questions, and to
// add a copy to the quizzes.
import { useEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";
import { ArrowLeft, Check, CircleCheck, Library, Plus } from "lucide";
import type { AuthoredItem } from "../../contract";
import { library, type Sample } from "../../api/library";
import { Button } from "../../components/button";
import { Chip } from "../../components/chip";
import { Sheet } from "../../components/dialog";
import { Skeleton } from "../../components/skeleton";
import { Delayed, ErrorNote } from "../../components/feedback";
import { useLoad, useTask } from "../../components/hooks";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { lang, t } from "../../locales/i18n";
import { go } from "../../state/router";
import { gapKeys } from "./gap-keys";
import { optionsOf } from "./question";
import css from "./sample-quizzes.module.css";

const subjects: Sample["subject"][] = ["mathematics", "science", "language", "world"];
const levels: Sample["level"][] = ["7-9", "10-12", "13-15"];

const nameSubject = (s: Sample["subject"]) => t(`samples.${s}`);

function nameLevel(level: Sample["level"]) {
  const [from, to] = level.split("-").map(Number);
  return t("samples.ages", { from: from!, to: to! });
}

const focusOn = (place: RefObject<HTMLElement | null>, part: string) =>
  place.current?.querySelector<HTMLElement>(part)?.focus();

// SampleQuizzes is the button that opens the sheet. added runs when a copy was made.
export function SampleQuizzes({ added }: { added: () => void }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button kind="quiet" icon={Library} onClick={() => setOpen(true)}>
        {t("samples.browse")}
      </Button>
      {open && <SampleSheet added={added} onClose={() => setOpen(false)} />}
    </>
  );
}

function SampleSheet({ added, onClose }: { added: () => void; onClose: () => void }) {
  const [list, fault, again] = useLoad(() => library.samples(lang.value));
  const [subject, setSubject] = useState<Sample["subject"] | null>(null);
  const [level, setLevel] = useState<Sample["level"] | null>(null);
  const [shown, setShown] = useState<Sample | null>(null);
  const sheet = useRef<HTMLDivElement>(null);
  const before = useRef("");
  useEffect(() => {
    // The button that was pressed is gone. The focus moves into the preview, and back to the sample.
    if (shown) focusOn(sheet, "button");
    else if (before.current) focusOn(sheet, `[data-sample="${before.current}"]`);
    before.current = shown?.id ?? "";
  }, [shown]);
  return (
    <Sheet title={shown ? shown.title : t("samples.title")} onClose={onClose}>
      <div class={css.stack} ref={sheet}>
        {shown ? (
          <Preview sample={shown} added={added} back={() => setShown(null)} />
        ) : (
          <>
            <p class={css.hint}>{t("samples.hint")}</p>
            <Filter
              label={t("samples.subject")}
              values={subjects}
              value={subject}
              set={setSubject}
              name={nameSubject}
            />
            <Filter label={t("samples.level")} values={levels} value={level} set={setLevel} name={nameLevel} />
            {fault && <ErrorNote fault={fault} retry={again} />}
            {!list && !fault && <Waiting />}
            <ul class={css.list}>
              {list
                ?.filter((s) => (!subject || s.subject === subject) && (!level || s.level === level))
                .map((s) => (
                  <li key={s.id}>
                    <button type="button" class={css.sample} data-sample={s.id} onClick={() => setShown(s)}>
                      <span class={css.name}>{s.title}</span>
                      <Facts sample={s} />
                    </button>
                  </li>
                ))}
            </ul>
          </>
        )}
      </div>
    </Sheet>
  );
}

const Waiting = () => (
  <Delayed>
    <Skeleton />
  </Delayed>
);

const Facts = ({ sample }: { sample: Sample }) => (
  <span class={css.facts}>
    {nameSubject(sample.subject)} · {nameLevel(sample.level)} · {t("quizzes.count", { n: sample.count })}
  </span>
);

// Filter chooses one value or, when it is pressed again, all.
function Filter<T extends string>(props: {
  label: string;
  values: T[];
  value: T | null;
  set: (v: T | null) => void;
  name: (v: T) => string;
}) {
  return (
    <div class={css.chips} role="group" aria-label={props.label}>
      {props.values.map((v) => (
        <Chip key={v} pressed={v === props.value} onPress={() => props.set(v === props.value ? null : v)}>
          {props.name(v)}
        </Chip>
      ))}
    </div>
  );
}

function Preview({ sample, added, back }: { sample: Sample; added: () => void; back: () => void }) {
  const [quiz, fault, again] = useLoad(() => library.sample(sample.id, lang.value));
  const [made, setMade] = useState("");
  const [busy, refused, run] = useTask();
  const actions = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (made) focusOn(actions, "button");
  }, [made]);
  const add = () =>
    run(async () => {
      setMade((await library.copySample(sample.id, lang.value)).id);
      added();
    });
  return (
    <>
      <div>
        <Button kind="quiet" icon={ArrowLeft} mirrored onClick={back}>
          {t("samples.back")}
        </Button>
      </div>
      <Facts sample={sample} />
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!quiz && !fault && <Waiting />}
      {quiz && (
        <ol class={css.questions}>
          {quiz.items.map((item) => (
            <Question key={item.id} item={item} />
          ))}
        </ol>
      )}
      {quiz && (
        <div class={css.actions} ref={actions}>
          <span class={css.status} role="status">
            {made && (
              <Chip tone="ok" icon={CircleCheck}>
                {t("samples.added")}
              </Chip>
            )}
          </span>
          {made ? (
            <Button key="open" kind="primary" onClick={() => go(`/quiz/${encodeURIComponent(made)}`)}>
              {t("samples.open")}
            </Button>
          ) : (
            <Button key="add" kind="primary" icon={Plus} busy={busy} onClick={() => void add()}>
              {t("samples.add")}
            </Button>
          )}
          {refused && <ErrorNote fault={refused} />}
        </div>
      )}
    </>
  );
}

interface Answer {
  text: string;
  right?: boolean;
}

// answersOf are the answers as the preview shows them: with what is right, or in the right order.
function answersOf(item: AuthoredItem): Answer[] {
  const { key } = item;
  const texts = (list: { id: string; text: string }[] | undefined, id: string) =>
    list?.find((o) => o.id === id)?.text ?? "";
  switch (item.kind) {
    case "order":
      return (key.order ?? []).map((id, n) => ({ text: `${n + 1}. ${texts(item.options, id)}`, right: true }));
    case "match":
      return (item.options ?? []).map((o) => ({
        text: `${o.text}: ${texts(item.choices, key.pairs?.[o.id] ?? "")}`,
        right: true,
      }));
    case "gaps":
      return gapKeys(item);
    case "text":
      return (key.texts ?? []).slice(0, 1).map((a) => ({ text: a.text, right: true }));
    case "numeric":
      return (key.numbers ?? []).map((a) => ({ text: String(a.value), right: true }));
    default:
      return optionsOf(item).map((o) => ({ text: o.text, right: (key.weights?.[o.id] ?? 0) > 0 }));
  }
}

function Question({ item }: { item: AuthoredItem }) {
  return (
    <li class={css.question}>
      <p class={css.text}>
        <bdi>
          <MathText text={item.text} />
        </bdi>
      </p>
      <p class={css.facts}>{t(`edit.kind.${item.kind}`)}</p>
      <ul class={css.answers}>
        {answersOf(item).map((a) => (
          <li key={a.text} class={a.right ? `${css.answer} ${css.right}` : css.answer}>
            {a.right ? <Icon icon={Check} /> : <span class={css.blank} />}
            <span>
              <bdi>
                <MathText text={a.text} />
              </bdi>
              {a.right && <span class="visually-hidden"> ({t("edit.right")})</span>}
            </span>
          </li>
        ))}
      </ul>
      {item.key.general && (
        <p class={css.explanation}>
          <bdi>
            <MathText text={item.key.general} />
          </bdi>
        </p>
      )}
    </li>
  );
}
