import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Room } from "../state/room";
import { clock, t } from "../locales/i18n";
import { Loading } from "./feedback";
import css from "./panel.module.css";

// Panel is one part of the console: its heading, and what is known about it now. Its
// content stays while the box is away, with a word that says so.
export function Panel(props: {
  id: string;
  title: string;
  room: Room;
  tools?: ComponentChildren;
  children: ComponentChildren;
}) {
  const { id, title, room, tools, children } = props;
  const s = room.status.value;
  const known = room.lesson.value.id !== "";
  const [since, setSince] = useState(0);
  useEffect(() => setSince(s === "offline" ? Date.now() : 0), [s]);
  return (
    <section class={s === "live" ? css.panel : `${css.panel} ${css.stale}`} aria-labelledby={`${id}-title`}>
      <div class={css.head}>
        <h2 id={`${id}-title`}>{title}</h2>
        {known && tools}
      </div>
      {known && s === "offline" && <p class={css.note}>{t("console.stale", { time: clock(since || Date.now()) })}</p>}
      {known ? children : <Loading />}
    </section>
  );
}
