// The lessons that are over, newest first. Each leads to its results.
import { useState } from "preact/hooks";
import type { Fault, Lesson } from "../core/api";
import { lang, t } from "../core/i18n";
import { A, Empty, Failed, Loading } from "../core/kit";

const few = 5;

// day is a date as people write it, with the time.
export const day = (ms: number) =>
  new Intl.DateTimeFormat(lang.value, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(ms));

export function Past({ list, fault, again }: { list: Lesson[] | null; fault: Fault | null; again: () => void }) {
  const [all, setAll] = useState(false);
  const shown = all ? list : list?.slice(0, few);
  return (
    <section class="card stack" aria-labelledby="past-title">
      <h2 id="past-title">{t("past.title")}</h2>
      {fault && <Failed fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && <Empty>{t("past.empty")}</Empty>}
      {shown && shown.length > 0 && <ul class="shelf-list">{shown.map((l) => <Line key={l.id} lesson={l} />)}</ul>}
      {list && list.length > few && !all && <div><button type="button" onClick={() => setAll(true)}>{t("past.all", { n: list.length })}</button></div>}
    </section>
  );
}

function Line({ lesson }: { lesson: Lesson }) {
  return (
    <li>
      <A class="shelf-link" href={`/results/${encodeURIComponent(lesson.id)}`}>
        <strong><bdi>{lesson.title || lesson.className}</bdi></strong>
        <small><bdi>{lesson.className}</bdi> · {day(lesson.started)}</small>
      </A>
    </li>
  );
}
