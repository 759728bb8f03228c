// A list to put in order: by dragging a line at its grip, or with the buttons up and down.
import { useRef } from "preact/hooks";
import { ArrowDown, ArrowUp, GripVertical } from "lucide";
import { Button } from "../../components/button";
import { Icon } from "../../components/icon";
import { plainMath } from "../../components/math-plain";
import { MathText } from "../../components/math-text";
import { NamedIcon } from "../../components/named-icon";
import { t } from "../../locales/i18n";
import { AnswerForm, type Answering, Hint, SendAnswer, useDraft } from "./answering";
import { ItemPicture } from "./item-picture";
import css from "./answer-order.module.css";

export function AnswerOrder({ item, mine, shut, revealed, send }: Answering) {
  const [draft, set, changed] = useDraft(mine?.order ?? (item.options ?? []).map((o) => o.id));
  const list = useRef<HTMLOListElement>(null);
  const dragged = useRef("");
  const option = (id: string) => item.options?.find((o) => o.id === id);
  const name = (id: string) => plainMath(option(id)?.text || option(id)?.image?.alt || "");
  const moveTo = (id: string, to: number) => {
    const next = draft.filter((o) => o !== id);
    next.splice(to, 0, id);
    set(next);
  };
  // The list has the pointer, because a line that moves in the document would lose it.
  const drag = (e: PointerEvent) => {
    if (!dragged.current) return;
    const lines = [...list.current!.children].map((li) => li.getBoundingClientRect());
    const at = draft.indexOf(dragged.current);
    const to = lines.findIndex((r) => e.clientY < r.bottom);
    const aim = to < 0 ? lines.length - 1 : to;
    const r = lines[aim]!;
    const past = aim > at ? e.clientY > r.top + r.height / 2 : e.clientY < r.top + r.height / 2;
    if (aim !== at && past) moveTo(dragged.current, aim);
  };
  const drop = () => {
    dragged.current = "";
    set([...draft]);
  };
  return (
    <AnswerForm onSend={() => send({ order: draft })}>
      {!shut && <Hint>{t("quiz.order")}</Hint>}
      <ol
        ref={list}
        class={css.order}
        aria-labelledby={`q-${item.id}`}
        onPointerMove={drag}
        onPointerUp={drop}
        onPointerCancel={drop}
      >
        {draft.map((id, i) => {
          const right = !!mine && revealed?.order?.[i] === id;
          return (
            <li key={id} data-right={right || undefined} data-dragged={dragged.current === id || undefined}>
              {!shut && (
                <span
                  class={css.grip}
                  data-grip=""
                  aria-hidden="true"
                  onPointerDown={(e) => {
                    e.preventDefault();
                    dragged.current = id;
                    list.current!.setPointerCapture(e.pointerId);
                    set([...draft]);
                  }}
                >
                  <Icon icon={GripVertical} />
                </span>
              )}
              <b class={css.place}>{i + 1}</b>
              <span class={css.text}>
                {option(id)?.image && <ItemPicture image={option(id)!.image!} />}
                <bdi>
                  <MathText text={option(id)?.text ?? ""} />
                </bdi>
              </span>
              {revealed && mine && <NamedIcon name={right ? "yes" : "no"} />}
              {!shut && (
                <>
                  <Button
                    kind="quiet"
                    icon={ArrowUp}
                    label={t("quiz.up", { text: name(id) })}
                    disabled={i === 0}
                    onClick={() => moveTo(id, i - 1)}
                  />
                  <Button
                    kind="quiet"
                    icon={ArrowDown}
                    label={t("quiz.down", { text: name(id) })}
                    disabled={i === draft.length - 1}
                    onClick={() => moveTo(id, i + 1)}
                  />
                </>
              )}
            </li>
          );
        })}
      </ol>
      <SendAnswer shut={shut} changed={changed} sent={!!mine} />
    </AnswerForm>
  );
}
