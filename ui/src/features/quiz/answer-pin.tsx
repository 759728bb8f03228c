// A place on a picture: a tap sets the pin, arrow keys move it, Enter sends it.
import { t } from "../../locales/i18n";
import type { ItemPlace } from "../../contract";
import { AnswerForm, type Answering, Hint, SendAnswer, useDraft } from "./answering";
import { ItemPicture } from "./item-picture";
import css from "./answer-pin.module.css";

const part = (v: number) => Math.min(1, Math.max(0, Math.round(v * 1000) / 1000));
const at = (p: ItemPlace) => ({ left: `${100 * p.x}%`, top: `${100 * p.y}%` }); // as the picture: never turned
const steps: { [key: string]: [number, number] } = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function AnswerPin({ item, mine, shut, revealed, pins, send }: Answering) {
  const [draft, set, changed] = useDraft<ItemPlace | null>(mine?.pin ?? null);
  if (!item.image) return null;
  const tap = (e: MouseEvent & { currentTarget: HTMLElement }) => {
    const r = e.currentTarget.getBoundingClientRect();
    if (!shut) set({ x: part((e.clientX - r.left) / r.width), y: part((e.clientY - r.top) / r.height) });
  };
  const key = (e: KeyboardEvent) => {
    const step = steps[e.key];
    if (shut || (!step && e.key !== "Enter")) return;
    e.preventDefault();
    const by = e.shiftKey ? 0.1 : 0.02;
    if (step) set(draft ? { x: part(draft.x + step[0] * by), y: part(draft.y + step[1] * by) } : { x: 0.5, y: 0.5 });
    else if (draft && changed) send({ pin: draft });
  };
  return (
    <AnswerForm onSend={() => draft && send({ pin: draft })}>
      {!shut && <Hint id={`h-${item.id}`}>{t("quiz.pin")}</Hint>}
      <div
        class={css.pinned}
        data-pin=""
        role="application"
        aria-label={item.image.alt || t("quiz.picture")}
        aria-describedby={shut ? undefined : `h-${item.id}`}
        tabIndex={0}
        onClick={tap}
        onKeyDown={key}
      >
        <ItemPicture image={{ ...item.image, alt: "" }} />
        {revealed?.regions?.map((r) => (
          <i
            key={`${r.x} ${r.y}`}
            class={r.round ? `${css.region} ${css.round}` : css.region}
            style={{ ...at(r), width: `${100 * r.w}%`, height: `${100 * r.h}%` }}
          />
        ))}
        {revealed && pins?.map((p, n) => <i key={n} class={css.other} style={at(p)} />)}
        {draft && (
          <svg class={css.pin} style={at(draft)} viewBox="0 0 24 32" aria-hidden="true">
            <path d="M12 1a11 11 0 0 1 11 11c0 8-11 19-11 19S1 20 1 12A11 11 0 0 1 12 1z" />
            <circle cx="12" cy="12" r="4" />
          </svg>
        )}
      </div>
      <p class="visually-hidden" role="status">
        {draft && t("quiz.pin.at", { x: Math.round(draft.x * 100), y: Math.round(draft.y * 100) })}
      </p>
      <SendAnswer shut={shut} ready={!!draft} changed={changed} sent={!!mine} />
    </AnswerForm>
  );
}
