// The questions of a quiz as a list: choose one, and put them in order by dragging the grip or by
// Alt and an arrow key. On a narrow page the list is a row.
import { useEffect, useRef, useState } from "preact/hooks";
import { CircleAlert, GripVertical } from "lucide";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { t } from "../../locales/i18n";
import type { Line } from "../../state/quiz-draft";
import { kindIcons, kindOf } from "./question-kinds";
import css from "./question-list.module.css";

export function QuestionList(props: {
  lines: Line[];
  selected: number; // uid
  incomplete: (uid: number) => boolean;
  select: (uid: number) => void;
  move: (from: number, to: number) => void;
}) {
  const { lines, selected, incomplete, select, move } = props;
  const list = useRef<HTMLOListElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);

  useEffect(() => {
    list.current?.querySelector("[data-selected]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [selected]);

  // placeAt returns the place between the questions that is nearest to the pointer.
  const placeAt = (e: PointerEvent) => {
    const boxes = [...list.current!.children].map((li) => li.getBoundingClientRect());
    const row = boxes.length > 1 && Math.abs(boxes[1]!.top - boxes[0]!.top) < 2;
    const turned = row && getComputedStyle(list.current!).direction === "rtl";
    return boxes.filter((b) => {
      if (!row) return e.clientY > b.top + b.height / 2;
      const middle = b.left + b.width / 2;
      return turned ? e.clientX < middle : e.clientX > middle;
    }).length;
  };
  const begin = (e: PointerEvent, from: number) => {
    if (e.button !== 0) return;
    e.preventDefault();
    setDrag({ from, to: from });
    const over = new AbortController();
    const stop = { signal: over.signal };
    const end = (to?: number) => {
      over.abort();
      setDrag(null);
      if (to === undefined) return;
      const place = to > from ? to - 1 : to; // the question itself leaves its place
      if (place !== from) move(from, place);
    };
    addEventListener("pointermove", (m) => setDrag({ from, to: placeAt(m) }), stop);
    addEventListener("pointerup", (u) => end(placeAt(u)), stop);
    addEventListener("pointercancel", () => end(), stop);
    addEventListener("keydown", (k) => k.key === "Escape" && end(), stop);
  };
  const onKey = (e: KeyboardEvent, i: number) => {
    const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[e.key];
    if (!step) return;
    const sideways = e.key === "ArrowLeft" || e.key === "ArrowRight";
    const by = sideways && getComputedStyle(list.current!).direction === "rtl" ? -step : step;
    const to = i + by;
    if (to < 0 || to >= lines.length) return;
    e.preventDefault();
    if (e.altKey) move(i, to);
    else list.current!.querySelectorAll<HTMLElement>("button[data-thumb]")[to]?.focus();
  };
  return (
    <ol ref={list} class={css.list} aria-label={t("edit.list")} data-dragging={drag ? "" : undefined}>
      {lines.map((l, i) => {
        const kind = kindOf(l.item);
        const mark =
          drag?.to === i ? "before" : drag?.to === lines.length && i === lines.length - 1 ? "after" : undefined;
        return (
          <li
            key={l.uid}
            class={css.item}
            data-drop={mark}
            data-selected={l.uid === selected ? "" : undefined}
            data-moving={drag?.from === i ? "" : undefined}
          >
            <span class={css.grip} aria-hidden="true" data-grip onPointerDown={(e) => begin(e, i)}>
              <Icon icon={GripVertical} />
            </span>
            <button
              type="button"
              class={css.thumb}
              data-thumb={l.uid}
              aria-current={l.uid === selected ? "true" : undefined}
              aria-keyshortcuts="Alt+ArrowUp Alt+ArrowDown"
              onClick={() => select(l.uid)}
              onKeyDown={(e) => onKey(e, i)}
            >
              <span class={css.top}>
                <b>{i + 1}</b>
                <Icon icon={kindIcons[kind]} label={t(`edit.kind.${kind}`)} />
                {incomplete(l.uid) && (
                  <span class={css.incomplete} data-incomplete>
                    <Icon icon={CircleAlert} /> {t("edit.incomplete")}
                  </span>
                )}
              </span>
              <span class={css.words}>
                {l.item.text.trim() ? (
                  <bdi>
                    <MathText text={l.item.text} most={120} />
                  </bdi>
                ) : (
                  <i>{t("edit.noText")}</i>
                )}
              </span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
