import { useEffect, useRef } from "preact/hooks";
import { t } from "../locales/i18n";
import { Button } from "./button";

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
        <Button onClick={() => ref.current?.close()}>{t("cancel")}</Button>
        <Button kind="danger" onClick={onYes}>
          {yes}
        </Button>
      </div>
    </dialog>
  );
}
