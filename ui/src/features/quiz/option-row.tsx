// One answer in the editor: its text, and its picture. A picture that is dropped on it or pasted
// into it is its own.
import type { ComponentChildren } from "preact";
import type { Option } from "../../state/quiz";
import { t } from "../../locales/i18n";
import { pictureIn, PictureButton, PictureWords, UploadFault, usePictureUpload } from "./picture-field";
import { FieldFault } from "./question-fault";
import css from "./question-editor.module.css";

export function OptionRow(props: {
  id: string;
  label: string;
  option: Option;
  faults: [text?: string, alt?: string];
  change: (edit: (option: Option) => Option) => void;
  before?: ComponentChildren;
  after?: ComponentChildren;
  as?: "li" | "div";
  plain?: boolean; // without a picture
}) {
  const { id, label, option, faults, change, before, after } = props;
  const Row = props.as ?? "li";
  const upload = usePictureUpload((image) => change((o) => ({ ...o, image })));
  const [fault, altFault] = faults;
  const bring = (e: Event, data: DataTransfer | null) => {
    const file = props.plain ? undefined : pictureIn(data);
    if (!file) return;
    e.preventDefault();
    e.stopPropagation();
    upload.upload(file);
  };
  return (
    <Row
      class={css.option}
      data-option
      onPaste={(e) => bring(e, e.clipboardData)}
      onDrop={(e) => bring(e, e.dataTransfer)}
      onDragOver={(e) => e.dataTransfer?.types.includes("Files") && e.preventDefault()}
    >
      <div class={css.optionLine}>
        {before}
        <input
          type="text"
          dir="auto"
          maxLength={200}
          autoComplete="off"
          aria-label={label}
          aria-invalid={fault ? "true" : undefined}
          aria-describedby={fault && `${id}-fault`}
          value={option.text}
          onInput={(e) => {
            const text = e.currentTarget.value;
            change((o) => ({ ...o, text }));
          }}
        />
        {!option.image && !props.plain && (
          <PictureButton small label={t("edit.picture.to", { of: label })} upload={upload} />
        )}
        {after}
      </div>
      <FieldFault id={`${id}-fault`} text={fault} />
      {option.image ? (
        <PictureWords
          id={id}
          image={option.image}
          of={label}
          upload={upload}
          fault={altFault}
          named={!option.text.trim()}
          set={(image) => change((o) => ({ ...o, image }))}
        />
      ) : (
        <UploadFault id={`${id}-upload`} upload={upload} />
      )}
    </Row>
  );
}
