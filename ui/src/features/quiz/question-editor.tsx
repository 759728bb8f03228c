// One question in the editor, whatever its kind.
import { ArrowDown, ArrowUp, CircleAlert, Copy, Trash2 } from "lucide";
import { Button } from "../../components/button";
import { Icon } from "../../components/icon";
import { WholeNumberField } from "../../components/number-field";
import { maxItemText } from "../../contract";
import { t } from "../../locales/i18n";
import type { Authored, Key } from "../../state/quiz";
import type { Refusal } from "../../state/quiz-draft";
import { AnswerEditor, type Part } from "./answer-editor";
import { withText } from "./gap-text";
import { PictureField, pictureIn, usePictureUpload } from "./picture-field";
import { explainRefusal, FieldFault } from "./question-fault";
import { isMarked, kindIcons, kindOf } from "./question-kinds";
import css from "./question-editor.module.css";

interface Props {
  uid: number;
  n: number;
  of: number;
  item: Authored;
  refusal?: Refusal;
  known: boolean; // lessons have an earlier version
  hidden: boolean;
  full: boolean; // the quiz has no place for a copy
  change: (edit: (item: Authored) => Authored) => void;
  move: (by: number) => void;
  copy: () => void;
  remove: () => void;
}

export function QuestionEditor(props: Props) {
  const { uid, n, of, item, refusal, known, hidden, change, move } = props;
  const id = `item-${uid}`;
  const kind = kindOf(item);
  const set = (next: Authored) => change(() => next);
  const setKey = (k: Partial<Key>) => set({ ...item, key: { ...item.key, ...k } });
  const fault = (field: string) => (refusal?.field === field ? explainRefusal(refusal) : undefined);
  const upload = usePictureUpload((image) => change((it) => ({ ...it, image })));
  const part: Part = { id, item, set, change, setKey, fault };
  const slide = item.kind === "slide";
  const under = item.kind === "pin" || item.kind === "draw";
  const bring = (e: Event, data: DataTransfer | null) => {
    const file = pictureIn(data);
    if (!file) return;
    e.preventDefault();
    upload.upload(file);
  };
  const why = fault("text");
  return (
    <section
      class={css.editor}
      hidden={hidden}
      data-uid={uid}
      data-question={n + 1}
      aria-labelledby={`${id}-name`}
      onPaste={(e) => bring(e, e.clipboardData)}
      onDrop={(e) => bring(e, e.dataTransfer)}
      onDragOver={(e) => e.dataTransfer?.types.includes("Files") && e.preventDefault()}
    >
      <header class={css.head}>
        <h2 id={`${id}-name`}>
          {t("edit.question", { n: n + 1 })}
          <small>
            <Icon icon={kindIcons[kind]} /> {t(`edit.kind.${kind}`)}
          </small>
        </h2>
        <div class={css.tools} data-tools>
          <Button
            kind="quiet"
            icon={ArrowUp}
            label={t("edit.up", { n: n + 1 })}
            disabled={n === 0}
            onClick={() => move(-1)}
          />
          <Button
            kind="quiet"
            icon={ArrowDown}
            label={t("edit.down", { n: n + 1 })}
            disabled={n === of - 1}
            onClick={() => move(1)}
          />
          <Button
            kind="quiet"
            icon={Copy}
            label={t("edit.copy", { n: n + 1 })}
            disabled={props.full}
            onClick={props.copy}
          />
          <Button kind="quiet" icon={Trash2} label={t("edit.remove", { n: n + 1 })} onClick={props.remove} />
        </div>
      </header>
      {refusal && (
        <p class={css.draft}>
          <Icon icon={CircleAlert} />
          <span>
            {explainRefusal(refusal)} {t(known ? "edit.draftOld" : "edit.draftNew")}
          </span>
        </p>
      )}
      <div class="field">
        <label for={`${id}-text`}>{t(slide ? "edit.slideText" : "edit.text")}</label>
        <textarea
          id={`${id}-text`}
          rows={slide ? 4 : 2}
          dir="auto"
          maxLength={maxItemText}
          value={item.text}
          aria-invalid={why ? "true" : undefined}
          aria-describedby={`${id}-text-hint ${id}-text-fault`}
          onInput={(e) => set(withText(item, e.currentTarget.value))}
        />
        <FieldFault id={`${id}-text-fault`} text={why} />
        <small id={`${id}-text-hint`}>{t("edit.formulaHint")}</small>
      </div>
      <PictureField
        id={id}
        image={item.image}
        upload={upload}
        label={t(under ? `edit.picture.${item.kind}` : "edit.picture")}
        hidden={item.kind === "pin"}
        missing={fault("image")}
        fault={fault("image.alt")}
        set={(image) => set({ ...item, image, key: image ? item.key : { ...item.key, regions: undefined } })}
      />
      {item.kind === "draw" && <p class={css.hint}>{t("edit.drawHint")}</p>}
      <AnswerEditor {...part} />
      {!slide && <More {...part} />}
    </section>
  );
}

// More is what most questions leave as it is.
function More({ id, item, set, setKey, fault }: Part) {
  const invalid = (field: string) => (fault(field) ? ("true" as const) : undefined);
  return (
    <>
      <div class={css.numbers}>
        {isMarked(item) && (
          <WholeNumberField
            id={`${id}-points`}
            label={t("edit.points")}
            value={item.points}
            least={0}
            most={100}
            bad={invalid("points")}
            set={(points) => set({ ...item, points })}
          />
        )}
        <WholeNumberField
          id={`${id}-seconds`}
          label={t("edit.seconds")}
          hint={t("edit.secondsHint")}
          value={item.seconds ?? 0}
          least={5}
          most={3600}
          none
          bad={invalid("seconds")}
          set={(seconds) => set({ ...item, seconds })}
        />
      </div>
      {item.kind !== "poll" && item.kind !== "draw" && (
        <div class="field">
          <label for={`${id}-general`}>{t("edit.general")}</label>
          <input
            id={`${id}-general`}
            type="text"
            dir="auto"
            maxLength={2000}
            autoComplete="off"
            value={item.key.general ?? ""}
            onInput={(e) => setKey({ general: e.currentTarget.value })}
          />
        </div>
      )}
    </>
  );
}
