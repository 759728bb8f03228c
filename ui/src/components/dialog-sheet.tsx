import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { X } from "lucide";
import { t } from "../locales/i18n";
import { Button } from "./button";
import css from "./dialog-sheet.module.css";

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
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    ref.current?.showModal();
    // The heading is read first. A field with autofocus comes before it.
    if (!ref.current?.querySelector("[autofocus]")) head.current?.focus();
  }, []);
  return (
    <dialog
      ref={ref}
      class={wide ? `${css.sheet} ${css.wide}` : css.sheet}
      aria-label={title}
      onClose={(e) => e.target === ref.current && onClose()}
    >
      <div class={css.head}>
        <h2 tabIndex={-1} ref={head}>
          {title}
        </h2>
        <Button kind="quiet" icon={X} label={t("close")} onClick={() => ref.current?.close()} />
      </div>
      {children}
    </dialog>
  );
}
