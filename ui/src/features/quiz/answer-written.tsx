// A word, a sentence or a number. Numbers have the whole keyboard too: the decimal keys of an
// iPhone have no minus. Spelling help would give answers away and make smart quotes of plain ones.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { maxAnswerText } from "../../contract";
import { dateLocale, t } from "../../locales/i18n";
import { AnswerForm, type Answering, SendAnswer, useDraft } from "./answering";
import { readings } from "./number-readings";
import { WhichNumber } from "./which-number";
import css from "./answer-written.module.css";

export function AnswerWritten({ item, mine, refused, shut, send }: Answering) {
  const number = item.kind === "numeric";
  const bad = refused === "not_a_number";
  const [draft, set, changed] = useDraft(mine?.text ?? "", bad);
  const area = useRef<HTMLTextAreaElement>(null);
  const left = maxAnswerText - [...draft].length;
  const [which, ask] = useState<string[]>();
  const submit = () => {
    const text = draft.replace(/\s+/g, " ").trim();
    const both = number ? readings(text, dateLocale()) : undefined;
    ask(both);
    if (text && !both) send({ text });
  };
  useLayoutEffect(() => {
    const fit = () => {
      const a = area.current;
      a?.style.setProperty("height", "auto");
      a?.style.setProperty("height", `${a.scrollHeight + 4}px`);
    };
    fit();
    addEventListener("resize", fit);
    return () => removeEventListener("resize", fit);
  }, [draft]);
  const field = {
    class: css.written,
    "data-part": "field",
    "aria-labelledby": `q-${item.id}`,
    "aria-invalid": bad,
    "aria-describedby": bad ? `s-${item.id}` : undefined,
    value: draft,
    maxLength: maxAnswerText,
    disabled: shut,
    dir: number ? ("ltr" as const) : ("auto" as const),
    autoComplete: "off",
    autoCorrect: "off",
    autoCapitalize: "off" as const,
    spellcheck: false,
    placeholder: t(number ? "quiz.number" : "quiz.word"),
    onInput: (e: { currentTarget: { value: string } }) => {
      ask(undefined);
      set(e.currentTarget.value);
    },
  };
  return (
    <AnswerForm onSend={submit}>
      {number ? (
        <input type="text" {...field} />
      ) : (
        <textarea
          {...field}
          ref={area}
          rows={1}
          enterkeyhint="send"
          onKeyDown={(e) => {
            if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
            e.preventDefault();
            submit();
          }}
        />
      )}
      <small aria-live="polite" hidden={left > 40}>
        {left > 40 ? "" : t("chat.left", { n: Math.max(0, left) })}
      </small>
      {which && !shut && (
        <WhichNumber
          id={item.id}
          typed={draft}
          both={which}
          choose={(text) => {
            ask(undefined);
            set(text);
            send({ text });
          }}
        />
      )}
      <SendAnswer shut={shut} ready={!!draft.trim()} changed={changed} sent={!!mine} />
    </AnswerForm>
  );
}
