// Pairs: a choice goes to a line by a tap (the line, then the choice), by keys in the same way, or by
// dragging. A choice may go to several lines.
import { plainMath } from "../../components/math-plain";
import { MathText } from "../../components/math-text";
import { useRef, useState } from "preact/hooks";
import { NamedIcon } from "../../components/named-icon";
import { t } from "../../locales/i18n";
import type { Option } from "../../state/quiz";
import { AnswerForm, type Answering, Hint, SendAnswer, useDraft } from "./answering";
import { ItemPicture } from "./item-picture";
import css from "./answer-match.module.css";

const nameOf = (o?: Option) => plainMath(o?.text || o?.image?.alt || "");

const Shown = ({ option: o }: { option: Option }) => (
  <>
    {o.image && <ItemPicture image={o.image} />}
    {o.text && (
      <bdi>
        <MathText text={o.text} />
      </bdi>
    )}
  </>
);

export function AnswerMatch({ item, mine, shut, revealed, send }: Answering) {
  const [draft, set, changed] = useDraft<{ [id: string]: string }>(mine?.pairs ?? {});
  const options = item.options ?? [];
  const choices = item.choices ?? [];
  const whole = options.every((o) => draft[o.id]);
  const [at, setAt] = useState("");
  const active = at || (options.find((o) => !draft[o.id]) ?? options[0])?.id || "";
  const [drag, setDrag] = useState<{ id: string; x: number; y: number } | null>(null);
  const from = useRef({ x: 0, y: 0, moved: false });
  const choice = (id?: string) => choices.find((c) => c.id === id);
  const put = (to: string, id: string) => {
    set({ ...draft, [to]: id });
    setAt("");
  };
  const lineAt = (e: PointerEvent) =>
    document
      .elementsFromPoint(e.clientX, e.clientY)
      .map((x) => x.closest<HTMLElement>("[data-line]")?.dataset.line)
      .find(Boolean);
  return (
    <AnswerForm onSend={() => whole && send({ pairs: draft })}>
      {!shut && <Hint>{t("quiz.match")}</Hint>}
      <ul class={css.lines} aria-labelledby={`q-${item.id}`}>
        {options.map((o) => {
          const chosen = choice(draft[o.id]);
          const right = !!mine && revealed?.pairs?.[o.id] === draft[o.id];
          return (
            <li key={o.id} data-line={o.id} data-right={right || undefined}>
              <span class={css.text}>
                <Shown option={o} />
              </span>
              {shut ? (
                <span class={css.slot}>
                  {chosen ? <Shown option={chosen} /> : "–"}
                  {revealed && mine && <NamedIcon name={right ? "yes" : "no"} />}
                </span>
              ) : (
                <button
                  type="button"
                  class={css.slot}
                  aria-pressed={active === o.id}
                  aria-label={t("quiz.pair", { text: nameOf(o), choice: chosen ? nameOf(chosen) : t("quiz.choose") })}
                  onClick={() => setAt(o.id)}
                >
                  {chosen ? <Shown option={chosen} /> : t("quiz.choose")}
                </button>
              )}
            </li>
          );
        })}
      </ul>
      {!shut && (
        <div
          class={css.choices}
          role="group"
          aria-label={t("quiz.choices", { text: nameOf(options.find((o) => o.id === active)) })}
        >
          {choices.map((c) => (
            <button
              key={c.id}
              type="button"
              class={css.choice}
              data-choice={c.id}
              data-used={Object.values(draft).includes(c.id) || undefined}
              onPointerDown={(e) => {
                from.current = { x: e.clientX, y: e.clientY, moved: false };
                e.currentTarget.setPointerCapture(e.pointerId);
              }}
              onPointerMove={(e) => {
                if (!e.currentTarget.hasPointerCapture(e.pointerId)) return;
                const [x, y] = [e.clientX - from.current.x, e.clientY - from.current.y];
                if (!from.current.moved && Math.hypot(x, y) < 8) return;
                from.current.moved = true;
                setDrag({ id: c.id, x, y });
              }}
              onPointerUp={(e) => {
                const line = from.current.moved && lineAt(e);
                if (line) put(line, c.id);
                setDrag(null);
              }}
              onPointerCancel={() => setDrag(null)}
              onClick={() => !from.current.moved && put(active, c.id)}
              style={drag?.id === c.id ? { transform: `translate(${drag.x}px, ${drag.y}px)`, zIndex: 2 } : undefined}
            >
              <Shown option={c} />
            </button>
          ))}
        </div>
      )}
      <SendAnswer shut={shut} ready={whole} changed={changed} sent={!!mine} />
    </AnswerForm>
  );
}
