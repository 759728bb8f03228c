// Field is a labelled input with a hint and an error. The error says what to do now.
import type { InputHTMLAttributes } from "preact";
import { CircleAlert } from "lucide";
import { Icon } from "./icon";
import css from "./field.module.css";

export function Field({
  label,
  name,
  value,
  onInput,
  hint,
  error,
  lines,
  ...rest
}: {
  label: string;
  name: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string;
  error?: string;
  lines?: number;
} & Omit<InputHTMLAttributes<HTMLInputElement>, "label" | "name" | "value" | "onInput">) {
  const shared = {
    ...(rest as object),
    id: name,
    name,
    value,
    class: css.input,
    "aria-invalid": error ? ("true" as const) : undefined,
    "aria-describedby": `${hint ? `${name}-hint ` : ""}${name}-error`,
  };
  return (
    <div class={css.field}>
      <label class={css.label} for={name}>
        {label}
      </label>
      {lines ? (
        <textarea {...shared} rows={lines} onInput={(e) => onInput(e.currentTarget.value)} />
      ) : (
        <input {...shared} onInput={(e) => onInput(e.currentTarget.value)} />
      )}
      {hint && (
        <span class={css.hint} id={`${name}-hint`}>
          {hint}
        </span>
      )}
      <span class={css.error} id={`${name}-error`} aria-live="polite">
        {error && (
          <>
            <Icon icon={CircleAlert} /> {error}
          </>
        )}
      </span>
    </div>
  );
}
