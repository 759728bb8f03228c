// A labelled input, and the error of a form.
import type { Fault } from "../api/http";
import { explain } from "../locales/i18n";

// TextField is a labelled input. If the fault is of this field, it is shown below it.
export function TextField(props: {
  label: string;
  name: string;
  value: string;
  onInput: (v: string) => void;
  fault?: Fault | null;
  hint?: string;
  type?: string;
  inputMode?: string;
  autoComplete?: string;
  maxLength?: number;
  required?: boolean;
  disabled?: boolean;
  placeholder?: string;
  autoFocus?: boolean;
  dir?: "ltr";
  spellcheck?: boolean;
}) {
  const { label, name, value, onInput, fault, hint, ...rest } = props;
  const mine = fault && fault.field === name ? fault : null;
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <input
        {...(rest as object)}
        id={name}
        name={name}
        value={value}
        onInput={(e) => onInput(e.currentTarget.value)}
        aria-invalid={mine ? "true" : undefined}
        aria-describedby={`${name}-hint ${name}-fault`}
      />
      <small id={`${name}-hint`}>{hint}</small>
      <small id={`${name}-fault`} class="fault" aria-live="polite">
        {mine ? explain(mine) : ""}
      </small>
    </div>
  );
}

// FormError is a fault that no field of the form shows.
export function FormError({ fault, fields }: { fault: Fault | null; fields: string[] }) {
  return (
    <div aria-live="assertive">
      {fault && !fields.includes(fault.field) ? <p class="note bad">{explain(fault)}</p> : null}
    </div>
  );
}
