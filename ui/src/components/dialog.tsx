// Dialog asks before what cannot be undone. What can be undone is done at once, with a Toast.
// Sheet shows more of a page: a chat, settings, a list. Both are open while they are rendered.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { X } from "lucide";
import { t } from "../locales/i18n";
import { Button } from "./button";
import css from "./dialog.module.css";

function useModal() {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (ref.current && !ref.current.open) ref.current.showModal();
  }, []);
  return ref;
}

export function Dialog({
  title,
  text,
  confirm,
  danger,
  busy,
  onConfirm,
  onClose,
}: {
  title: string;
  text?: ComponentChildren;
  confirm: string;
  danger?: boolean;
  busy?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}) {
  const ref = useModal();
  const id = useId();
  return (
    <dialog ref={ref} class={css.dialog} aria-labelledby={id} onClose={onClose}>
      <h2 id={id} class={css.title}>
        {title}
      </h2>
      {text && <p class={css.text}>{text}</p>}
      <div class={css.actions}>
        <Button onClick={() => ref.current?.close()}>{t("cancel")}</Button>
        <Button kind={danger ? "danger" : "primary"} busy={busy} onClick={onConfirm}>
          {confirm}
        </Button>
      </div>
    </dialog>
  );
}

export function Sheet({
  title,
  children,
  onClose,
}: {
  title: string;
  children: ComponentChildren;
  onClose: () => void;
}) {
  const ref = useModal();
  const id = useId();
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it by itself
    <dialog
      ref={ref}
      class={css.sheet}
      aria-labelledby={id}
      onClose={onClose}
      onClick={
        (e) => e.target === e.currentTarget && e.currentTarget.close() /* its parts fill it: this is the backdrop */
      }
    >
      <div class={css.head}>
        <h2 id={id} class={css.title}>
          {title}
        </h2>
        <Button kind="quiet" icon={X} label={t("close")} onClick={() => ref.current?.close()} />
      </div>
      <div class={css.body}>{children}</div>
    </dialog>
  );
}
