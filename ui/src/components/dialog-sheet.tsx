import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../locales/i18n";
import "./dialog-sheet.css";

// DialogSheet is a dialog over the page, with a heading.
export function DialogSheet({
  title,
  onClose,
  wide,
  children,
}: {
  title: string;
  onClose: () => void;
  wide?: boolean;
  children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => ref.current?.showModal(), []);
  return (
    <dialog
      ref={ref}
      class={wide ? "dlg wide" : "dlg"}
      aria-labelledby="over-title"
      onClose={(e) => e.target === ref.current && onClose()}
    >
      <div class="row between dlg-head">
        <h2 id="over-title">{title}</h2>
        <button type="button" class="quiet" aria-label={t("close")} onClick={() => ref.current?.close()}>
          ✕
        </button>
      </div>
      {children}
    </dialog>
  );
}
