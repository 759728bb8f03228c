// Part is a card with something that is loaded, loading, or could not be.
import type { ComponentChildren } from "preact";
import { formatTime, t } from "../../locales/i18n";
import { ErrorNote, Loading } from "../../components/feedback";
import { useLoad } from "../../components/hooks";

// when is a moment as the admin reads it, to the second.
export const when = (at: string | number) => formatTime(at, { dateStyle: "medium", timeStyle: "medium" });

export function Part<T>({
  id,
  turn,
  load,
  children,
}: {
  id: string;
  turn: number;
  load: () => Promise<T>;
  children: (v: T, again: () => void) => ComponentChildren;
}) {
  const [value, fault, again] = useLoad(load, [turn]);
  return (
    <section class="card stack tight" aria-labelledby={`${id}-title`} aria-busy={!value && !fault}>
      <h2 id={`${id}-title`}>{t(`admin.${id}`)}</h2>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {value ? children(value, again) : !fault && <Loading />}
    </section>
  );
}
