// Fields for numbers, as people type them: with the separators and the digits of their own
// language. What is no number yet is left in the field and changes nothing.
import { useEffect, useState } from "preact/hooks";
import { lang, t } from "../locales/i18n";

const thousands = /^[+-]?[1-9]\d{0,2}((,\d{2,3})*,\d{3}|(\.\d{2,3})*\.\d{3})$/;

// parseNumbers reads a number as it is typed, by the rules that the box marks answers by. Of
// two readings of "1,000" the one of the page's language comes first.
function parseNumbers(typed: string): number[] {
  if (/\p{No}/u.test(typed)) return [];
  const plain = typed
    .normalize("NFKC")
    .replace(/[٠-٩]/g, (d) => String(d.charCodeAt(0) - 0x660))
    .replace(/[۰-۹]/g, (d) => String(d.charCodeAt(0) - 0x6f0))
    .replace(/[‐‑‒–—―−⁃]/g, "-")
    .replace(/،/g, ",")
    .replace(/[\s\p{Cf}_٬'’‘ʼ`´′]/gu, "");
  const [, number, power] = /^([^e]*)(e[+-]?\d{1,3})?$/i.exec(plain) ?? [];
  if (number === undefined) return [];
  const [, head = number, mark = "", tail = ""] = /^(.*)([.,٫])(.*)$/.exec(number) ?? [];
  const ungrouped = (s: string) => s.replace(/[.,]/g, "");
  const found: string[] = [];
  if (!mark || (!head.includes(mark) && (!/[.,٫]/.test(head) || thousands.test(head))))
    found.push(`${ungrouped(head)}.${tail}`);
  if (thousands.test(number)) found.push(ungrouped(number));
  const comma = new Intl.NumberFormat(lang.value).format(1.5).includes(",");
  if (mark !== (comma ? "," : ".")) found.reverse();
  return found.filter((n) => /^[+-]?(\d+\.\d*|\.?\d+)$/.test(n)).map((n) => Number(n + (power ?? "")));
}

// parseNumber is the number that is typed; null: it is none.
export const parseNumber = (typed: string): number | null => parseNumbers(typed)[0] ?? null;

interface Props {
  label: string;
  value: number | null;
  set: (v: number) => void;
  bad?: "true";
  least?: number;
  hidden?: boolean; // the label is for screen readers only
  id: string;
}

// DecimalField is any number. The decimal keys of an iPhone have no minus.
export function DecimalField({ id, label, value, set, bad, least = -1e15, hidden }: Props) {
  const [typed, setTyped] = useState(value === null ? "" : String(value));
  useEffect(() => {
    if (value !== null && parseNumber(typed) !== value) setTyped(String(value));
  }, [value]);
  const v = parseNumber(typed);
  const wrong = typed.trim() !== "" && (v === null || v < least || Math.abs(v) > 1e15);
  const said = wrong
    ? t("edit.err.no_number")
    : parseNumbers(typed).length > 1
      ? t("edit.readAs", { value: String(v) })
      : "";
  return (
    <div class="field">
      <label for={id} class={hidden ? "visually-hidden" : ""}>
        {label}
      </label>
      <input
        id={id}
        type="text"
        inputMode={least < 0 ? "text" : "decimal"}
        dir="ltr"
        autoComplete="off"
        maxLength={24}
        value={typed}
        aria-invalid={wrong ? "true" : bad}
        aria-describedby={`${id}-fault`}
        onInput={(e) => {
          setTyped(e.currentTarget.value);
          const n = parseNumber(e.currentTarget.value);
          if (n !== null && n >= least && Math.abs(n) <= 1e15) set(n);
        }}
      />
      <small id={`${id}-fault`} class={wrong ? "fault" : ""}>
        {said}
      </small>
    </div>
  );
}

// WholeNumberField is a whole number of a range; with none, an empty field is 0.
export function WholeNumberField(props: {
  id: string;
  label: string;
  hint?: string;
  value: number;
  least: number;
  most: number;
  none?: boolean;
  bad?: "true";
  set: (v: number) => void;
}) {
  const { id, label, hint, value, least, most, none, set } = props;
  const shown = none && value === 0 ? "" : String(value);
  const [typed, setTyped] = useState(shown);
  const v = none && typed.trim() === "" ? 0 : parseNumber(typed);
  useEffect(() => {
    if (v !== value) setTyped(shown);
  }, [value]);
  const wrong = v === null || !Number.isInteger(v) || v > most || (v < least && !(none && v === 0));
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        inputMode="numeric"
        dir="ltr"
        autoComplete="off"
        maxLength={5}
        value={typed}
        aria-invalid={wrong ? "true" : props.bad}
        aria-describedby={`${id}-hint`}
        onInput={(e) => {
          setTyped(e.currentTarget.value);
          const n = e.currentTarget.value.trim() === "" && none ? 0 : parseNumber(e.currentTarget.value);
          if (n !== null && Number.isInteger(n)) set(n); // one out of range is refused and stays a draft
        }}
        onChange={() => setTyped(shown)}
      />
      <small id={`${id}-hint`}>{wrong ? t("edit.err.range", { least, limit: most }) : hint}</small>
    </div>
  );
}
