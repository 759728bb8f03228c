// A toast says what was done and offers Undo for 10 seconds, or says what failed and offers
// Retry until it is closed. Time stops while it has the pointer or the focus.
import { signal } from "@preact/signals";
import { CircleAlert, CircleCheck, X } from "lucide";
import { t } from "../locales/i18n";
import { Icon } from "./icon";
import css from "./toast.module.css";

interface ToastText {
  text: string;
  undo?: () => void;
  retry?: () => void;
  bad?: boolean;
}

const toast = signal<ToastText | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

function startTimer() {
  clearTimeout(timer);
  const shown = toast.value;
  if (shown && !shown.retry) timer = setTimeout(closeToast, shown.undo ? 10_000 : 5_000);
}

export function showToast(next: ToastText) {
  toast.value = next;
  startTimer();
}

export function closeToast() {
  clearTimeout(timer);
  toast.value = null;
}

// Toasts is the place of the toast: once on a page.
export function Toasts() {
  const shown = toast.value;
  const action = shown?.undo ?? shown?.retry;
  const hold = () => clearTimeout(timer);
  return (
    <div class={css.place} role="status" aria-live="polite">
      {shown && (
        <div
          class={shown.bad ? `${css.toast} ${css.bad}` : css.toast}
          onPointerEnter={hold}
          onPointerLeave={startTimer}
          onFocusIn={hold}
          onFocusOut={startTimer}
        >
          <Icon icon={shown.bad ? CircleAlert : CircleCheck} />
          <span class={css.text}>{shown.text}</span>
          {action && (
            <button
              type="button"
              class={`${css.button} ${css.action}`}
              onClick={() => {
                closeToast();
                action();
              }}
            >
              {t(shown.undo ? "undo" : "retry")}
            </button>
          )}
          <button type="button" class={css.button} aria-label={t("close")} onClick={closeToast}>
            <Icon icon={X} />
          </button>
        </div>
      )}
    </div>
  );
}
