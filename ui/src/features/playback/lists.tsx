// The lists next to the stage: the chapters of the lesson, and the chat up to the shown moment.
import { useEffect, useRef } from "preact/hooks";
import { CircleHelp, Image, MessageCircle, PenLine, type IconNode } from "lucide";
import type { Capsule } from "../../api/results";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { span, t } from "../../locales/i18n";
import type { Scene, Timeline } from "./timeline";
import css from "./lists.module.css";

const icons: { [kind: string]: IconNode } = { slide: Image, board: PenLine, question: CircleHelp };

export const chapterTitle = (c: Capsule["chapters"][number]) => c.title || t(`capsule.${c.kind}`, { n: c.page ?? 0 });

export function Chapters({ list, now, line }: { list: Capsule["chapters"]; now: number; line: Timeline }) {
  const at = list.filter((c) => c.at_ms <= now).length - 1;
  const ref = useRef<HTMLOListElement>(null);
  useEffect(() => {
    // the list alone scrolls, not the page
    const row = ref.current?.children[at] as HTMLElement | undefined;
    const box = ref.current;
    if (!row || !box) return;
    if (row.offsetTop < box.scrollTop || row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight)
      box.scrollTop = row.offsetTop - box.clientHeight / 2;
  }, [at]);
  if (list.length === 0) return <p class={css.none}>{t("capsule.noChapters")}</p>;
  return (
    <ol class={css.list} ref={ref} data-chapters>
      {list.map((c, i) => (
        <li key={i}>
          <button
            type="button"
            class={css.chapter}
            aria-current={i === at ? "true" : undefined}
            onClick={() => line.seek(c.at_ms)}
          >
            <Icon icon={icons[c.kind] ?? Image} />
            <bdi>
              <MathText text={chapterTitle(c)} />
            </bdi>
            <span class={css.when}>{span(c.at_ms)}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

export function Said({ scene, line }: { scene: Scene; line: Timeline }) {
  const list = scene.chat.value;
  const ref = useRef<HTMLOListElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (ref.current && atEnd.current) ref.current.scrollTop = ref.current.scrollHeight;
  }, [list.length]);
  if (list.length === 0)
    return (
      <p class={css.none}>
        <Icon icon={MessageCircle} /> {t("capsule.quiet")}
      </p>
    );
  return (
    <ol
      class={css.list}
      ref={ref}
      data-chat
      tabIndex={0}
      aria-label={t("capsule.chat")}
      onScroll={(e) => {
        const box = e.currentTarget;
        atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
      }}
    >
      {list.slice(-200).map((m, i) => (
        <li key={`${m.at} ${i}`} class={css.message} data-role={m.role}>
          <strong>
            <bdi>{m.name ?? t(`capsule.${m.role}`)}</bdi>
          </strong>
          <button
            type="button"
            class={css.jump}
            aria-label={t("capsule.jump", { time: span(m.at) })}
            onClick={() => line.seek(m.at)}
          >
            {span(m.at)}
          </button>
          {m.removed ? (
            <em>{t("capsule.removed")}</em>
          ) : (
            <bdi class={css.words}>
              <MathText text={m.text} />
            </bdi>
          )}
        </li>
      ))}
    </ol>
  );
}
