// What the box could not take of a question, in words that say what to do.
import { CircleAlert } from "lucide";
import type { Fault } from "../../api/http";
import { Icon } from "../../components/icon";
import { explain, has, t } from "../../locales/i18n";
import type { Refusal } from "../../state/quiz-draft";
import css from "./question-editor.module.css";

// The words for a code depend on the field that has it.
const fields: [RegExp, string][] = [
  [/^text empty$/, "text"],
  [/^image empty$/, "image"],
  [/^image\.alt empty$/, "alt"],
  [/^(options|choices)\[\d+\]\.image\.alt empty$/, "optionAlt"],
  [/^(gaps\[\d+\]\.)?(options|choices)\[\d+\]\.text empty$/, "option"],
  [/^(gaps\[\d+\]\.)?key\.texts\[\d+\]\.text empty$/, "accepted"],
  [/^(gaps\[\d+\]\.)?key\.numbers.* out_of_range$/, "numbers"],
];

// explainFault returns what to do about a refusal.
export function explainFault(fault: Fault, field = fault.field): string {
  const own = fields.find(([match]) => match.test(`${field} ${fault.code}`))?.[1];
  const key = own ? `edit.mend.${own}` : `edit.err.${fault.code}`;
  return has(key) ? t(key, { limit: fault.limit }) : explain(fault);
}

export const explainRefusal = (r: Refusal) => explainFault(r.fault, r.field);

// FieldFault is under the field that has the fault. Its id is what aria-describedby names.
export const FieldFault = ({ id, text }: { id: string; text?: string }) =>
  text ? (
    <p class={css.fault} id={id}>
      <Icon icon={CircleAlert} />
      <span>{text}</span>
    </p>
  ) : null;
