// The lessons that are over, newest first. Each leads to its results.
import { useState } from "preact/hooks";
import type { Fault } from "../../api/http";
import type { Lesson } from "../../api/box";
import { formatTime, t } from "../../locales/i18n";
import { PageLink } from "../../components/page-link";
import { EmptyNote, ErrorNote, Loading } from "../../components/feedback";

const few = 5;

// formatDay is a date as people write it, with the time.
export const formatDay = (ms: number) =>
  formatTime(ms, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export function LessonHistory({
  list,
  fault,
  again,
}: {
  list: Lesson[] | null;
  fault: Fault | null;
  again: () => void;
}) {
  const [all, setAll] = useState(false);
  const shown = all ? list : list?.slice(0, few);
  return (
    <section class="card stack" aria-labelledby="past-title">
      <h2 id="past-title">{t("past.title")}</h2>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && <EmptyNote>{t("past.empty")}</EmptyNote>}
      {shown && shown.length > 0 && (
        <ul class="shelf-list">
          {shown.map((l) => (
            <Line key={l.id} lesson={l} />
          ))}
        </ul>
      )}
      {list && list.length > few && !all && (
        <div>
          <button type="button" onClick={() => setAll(true)}>
            {t("past.all", { n: list.length })}
          </button>
        </div>
      )}
    </section>
  );
}

function Line({ lesson }: { lesson: Lesson }) {
  return (
    <li>
      <PageLink class="shelf-link" href={`/results/${encodeURIComponent(lesson.id)}`}>
        <strong>
          <bdi>{lesson.title || lesson.className}</bdi>
        </strong>
        <small>
          <bdi>{lesson.className}</bdi> · {formatDay(lesson.started)}
        </small>
      </PageLink>
    </li>
  );
}
