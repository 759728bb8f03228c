import { useEffect, useRef } from "preact/hooks";
import { t } from "../locales/i18n";

// ConfirmDialog asks before what cannot be undone.
export function ConfirmDialog({
  text,
  yes,
  onYes,
  onNo,
}: {
  text: string;
  yes: string;
  onYes: () => void;
  onNo: () => void;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => ref.current?.showModal(), []);
  return (
    <dialog ref={ref} onClose={onNo} aria-labelledby="confirm-text">
      <p id="confirm-text">{text}</p>
      <div class="row end">
        <button type="button" onClick={() => ref.current?.close()}>
          {t("cancel")}
        </button>
        <button type="button" class="danger" onClick={onYes}>
          {yes}
        </button>
      </div>
    </dialog>
  );
}
