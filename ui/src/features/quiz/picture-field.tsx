// A picture of a question or of an answer: chosen, dropped or pasted, with words for those who do
// not see it.
import { useRef, useState } from "preact/hooks";
import { ImagePlus, Trash2 } from "lucide";
import type { ItemImage } from "../../contract";
import type { Fault } from "../../api/http";
import { library } from "../../api/library";
import { Button } from "../../components/button";
import { t } from "../../locales/i18n";
import { explainFault, FieldFault } from "./question-fault";
import css from "./picture-field.module.css";

const types =
  "image/png,image/jpeg,image/gif,image/webp,image/svg+xml,image/avif,.png,.jpg,.jpeg,.gif,.webp,.bmp,.tif,.tiff,.svg,.avif,.heic,.heif";

// pictureIn returns the first picture of a drop or of the clipboard. Office programs add a picture to
// each text that they copy: the text counts then.
export const pictureIn = (data: DataTransfer | null) =>
  data?.getData("text/plain") ? undefined : [...(data?.files ?? [])].find((f) => f.type.startsWith("image/"));

// usePictureUpload sends a picture to the box, which makes it upright and smaller. A later picture
// overtakes an earlier one.
export function usePictureUpload(put: (image: ItemImage) => void) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const last = useRef(0);
  const upload = async (file: File) => {
    const turn = ++last.current;
    setBusy(true);
    setFault(null);
    try {
      const image = await library.addImage(file);
      if (turn === last.current) put(image);
    } catch (e) {
      if (turn === last.current) setFault(e as Fault);
    }
    if (turn === last.current) setBusy(false);
  };
  return { busy, fault, upload: (file: File) => void upload(file) };
}

export type PictureUpload = ReturnType<typeof usePictureUpload>;

// PictureButton chooses a file. small has no text.
export function PictureButton({ label, upload, small }: { label: string; upload: PictureUpload; small?: boolean }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={field}
        hidden
        type="file"
        accept={types}
        onChange={(e) => {
          const file = e.currentTarget.files?.[0];
          if (file) upload.upload(file);
          e.currentTarget.value = "";
        }}
      />
      <Button
        kind={small ? "quiet" : "secondary"}
        icon={ImagePlus}
        busy={upload.busy}
        label={small ? label : undefined}
        onClick={() => field.current?.click()}
      >
        {small ? null : label}
      </Button>
    </>
  );
}

// UploadFault is why a picture was not taken.
export const UploadFault = ({ id, upload }: { id: string; upload: PictureUpload }) => (
  <div role="status">
    <FieldFault id={id} text={upload.fault ? explainFault(upload.fault, "picture") : undefined} />
  </div>
);

// PictureWords are the picture, the words for it, and the buttons to replace and remove it. named:
// the answer has no other words, so it cannot be decorative.
export function PictureWords(props: {
  id: string;
  image: ItemImage;
  of: string; // the question or the answer, in words
  upload: PictureUpload;
  fault?: string;
  named?: boolean;
  hidden?: boolean; // the picture is shown elsewhere
  set: (image: ItemImage | undefined) => void;
}) {
  const { id, image, of, upload, fault, named, hidden, set } = props;
  return (
    <div class={css.picture}>
      {!hidden && (
        <img
          class={css.thumb}
          src={library.imageFile(image.id)}
          alt={image.alt ?? ""}
          width={image.w}
          height={image.h}
        />
      )}
      <div class={css.words}>
        <label for={`${id}-alt`}>{t("edit.picture.alt", { of })}</label>
        <input
          id={`${id}-alt`}
          type="text"
          dir="auto"
          maxLength={250}
          autoComplete="off"
          placeholder={t("edit.picture.altExample")}
          value={image.alt ?? ""}
          disabled={image.decorative && !named}
          aria-invalid={fault ? "true" : undefined}
          aria-describedby={`${id}-alt-fault`}
          onInput={(e) => set({ ...image, alt: e.currentTarget.value, decorative: false })}
        />
        <FieldFault id={`${id}-alt-fault`} text={fault} />
        {!named && (
          <label class="check">
            <input
              type="checkbox"
              checked={!!image.decorative}
              onChange={(e) =>
                set({ ...image, decorative: e.currentTarget.checked, alt: e.currentTarget.checked ? "" : image.alt })
              }
            />
            {t("edit.picture.decorative")}
          </label>
        )}
        <div class={css.row}>
          <PictureButton label={t("edit.picture.replace")} upload={upload} />
          <Button kind="quiet" icon={Trash2} onClick={() => set(undefined)}>
            {t("edit.picture.remove")}
          </Button>
        </div>
        <UploadFault id={`${id}-upload`} upload={upload} />
      </div>
    </div>
  );
}

// PictureField is the picture of a question.
export function PictureField(props: {
  id: string;
  image?: ItemImage;
  upload: PictureUpload;
  label: string;
  hidden?: boolean;
  missing?: string; // the fault of a picture that must be there
  fault?: string; // of its words
  set: (image: ItemImage | undefined) => void;
}) {
  const { id, image, upload, label, missing, fault, set } = props;
  return (
    <fieldset class={css.field} data-picture>
      <legend>{label}</legend>
      {image ? (
        <PictureWords {...{ id, image, upload, fault, set }} of={t("edit.picture.this")} hidden={props.hidden} />
      ) : (
        <div class={css.drop}>
          <PictureButton label={t("edit.picture.add")} upload={upload} />
          <p>{t("edit.picture.hint")}</p>
          <FieldFault id={`${id}-missing`} text={missing} />
          <UploadFault id={`${id}-upload`} upload={upload} />
        </div>
      )}
    </fieldset>
  );
}
