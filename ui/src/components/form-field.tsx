// A field that shows its fault, and the error of a form.
import type { InputHTMLAttributes } from "preact";
import type { Fault } from "../api/http";
import { explain } from "../locales/i18n";
import { Field } from "./field";

// TextField is a Field. If the fault is of this field, it is shown below it.
export function TextField({
  fault,
  ...rest
}: {
  label: string;
  name: string;
  value: string;
  onInput: (v: string) => void;
  fault?: Fault | null;
  hint?: string;
} & Omit<InputHTMLAttributes<HTMLInputElement>, "label" | "name" | "value" | "onInput">) {
  return <Field {...rest} error={fault && fault.field === rest.name ? explain(fault) : undefined} />;
}

// FormError is a fault that no field of the form shows.
export function FormError({ fault, fields }: { fault: Fault | null; fields: string[] }) {
  return (
    <div aria-live="assertive">
      {fault && !fields.includes(fault.field) ? <p class="note bad">{explain(fault)}</p> : null}
    </div>
  );
}
