// The lessons that are over, newest first. Each leads to its results.
import { useState } from "preact/hooks";
import type { Fault } from "../../api/http";
import type { Lesson } from "../../api/box";
import { formatDay, t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { EmptyNote, ErrorNote, Loading } from "../../components/feedback";
import { ShelfLine, ShelfList } from "../../components/shelf-list";

const few = 5;

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
        <ShelfList>
          {shown.map((l) => (
            <ShelfLine
              key={l.id}
              href={`/results/${encodeURIComponent(l.id)}`}
              title={l.title || l.className}
              facts={
                <>
                  <bdi>{l.className}</bdi> · {formatDay(l.started)}
                </>
              }
            />
          ))}
        </ShelfList>
      )}
      {list && list.length > few && !all && (
        <div>
          <Button kind="quiet" onClick={() => setAll(true)}>
            {t("past.all", { n: list.length })}
          </Button>
        </div>
      )}
    </section>
  );
}
