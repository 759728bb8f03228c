// Fields for numbers, as people type them: a comma for a point, and the digits of their
// own language. What is no number yet is left in the field and changes nothing.
import { useEffect, useState } from "preact/hooks";
import { t } from "../core/i18n";

// numberOf reads a number as it is typed; null: it is none.
export function numberOf(typed: string): number | null {
  const plain = typed
    .trim()
    .replace(/[٠-٩]/g, (d) => String(d.charCodeAt(0) - 0x660))
    .replace(/[۰-۹]/g, (d) => String(d.charCodeAt(0) - 0x6f0))
    .replace(/[,٫]/g, ".")
    .replace(/[−–]/g, "-")
    .replace(/[\s\u200e\u200f]/g, "");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(plain) ? Number(plain) : null;
}

interface Props {
  label: string;
  value: number | null;
  set: (v: number) => void;
  bad?: "true";
  least?: number;
  hidden?: boolean; // the label is for screen readers only
  id: string;
}

// Decimal is any number.
export function Decimal({ id, label, value, set, bad, least = -1e15, hidden }: Props) {
  const [typed, setTyped] = useState(value === null ? "" : String(value));
  useEffect(() => {
    if (value !== null && numberOf(typed) !== value) setTyped(String(value));
  }, [value]);
  const v = numberOf(typed);
  const wrong = typed.trim() !== "" && (v === null || v < least || Math.abs(v) > 1e15);
  return (
    <div class="field">
      <label for={id} class={hidden ? "visually-hidden" : ""}>{label}</label>
      <input
        id={id} type="text" inputMode="decimal" dir="ltr" autoComplete="off" maxLength={24} value={typed} aria-invalid={wrong ? "true" : bad} aria-describedby={`${id}-fault`}
        onInput={(e) => {
          setTyped(e.currentTarget.value);
          const n = numberOf(e.currentTarget.value);
          if (n !== null && n >= least && Math.abs(n) <= 1e15) set(n);
        }}
      />
      <small id={`${id}-fault`} class="fault">{wrong ? t("edit.err.no_number") : ""}</small>
    </div>
  );
}

// Whole is a whole number of a range; with none, an empty field is 0.
export function Whole(props: { id: string; label: string; hint?: string; value: number; least: number; most: number; none?: boolean; bad?: "true"; set: (v: number) => void }) {
  const { id, label, hint, value, least, most, none, set } = props;
  const shown = none && value === 0 ? "" : String(value);
  const [typed, setTyped] = useState(shown);
  useEffect(() => setTyped(shown), [value]);
  const v = none && typed.trim() === "" ? 0 : numberOf(typed);
  const wrong = v === null || !Number.isInteger(v) || v > most || (v < least && !(none && v === 0));
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id} type="text" inputMode="numeric" dir="ltr" autoComplete="off" maxLength={5} value={typed} aria-invalid={wrong ? "true" : props.bad} aria-describedby={`${id}-hint`}
        onInput={(e) => setTyped(e.currentTarget.value)}
        onChange={() => (wrong ? setTyped(shown) : set(v!))}
      />
      <small id={`${id}-hint`}>{wrong ? t("edit.err.range", { least, limit: most }) : hint}</small>
    </div>
  );
}
