// The question as the class will see it: on a pupil's phone, or on the projector. Nothing in it can
// be pressed or read out, because the editor says the same.
import { useMemo } from "preact/hooks";
import { signal } from "@preact/signals";
import { Presentation, Smartphone } from "lucide";
import { Tabs } from "../../components/tabs";
import { t } from "../../locales/i18n";
import { type Authored, type Item, Quiz } from "../../state/quiz";
import { blank } from "./gap-text";
import { Question } from "./question";
import { StagePreview } from "./stage-preview";
import css from "./question-preview.module.css";

export type PreviewPlace = "phone" | "projector";

// mixed returns the question without its key, and with the parts moved that a pupil sees mixed.
function mixed({ key: _, ...item }: Authored): Item {
  const turn = <T,>(list?: T[]) => list && [...list.slice(1), ...list.slice(0, 1)];
  const shown = { ...item, id: item.id || "new" };
  if (item.kind === "order") return { ...shown, options: turn(item.options) };
  if (item.kind === "gaps") return { ...shown, text: item.text.replace(/_{3,}/g, blank) };
  return item.kind === "match" ? { ...shown, choices: turn(item.choices) } : shown;
}

function PhonePreview({ item }: { item: Item }) {
  const quiz = useMemo(
    () =>
      new Quiz({
        me: signal({ user: "", role: "pupil" }),
        outbox: signal([]),
        now: () => 0,
        flash: () => {},
        send: () => "",
        replace: () => {},
      }),
    [],
  );
  const round = useMemo(
    () => ({ round: 1, state: "open" as const, paused: false, items: [item], index: 0, of: 1, seconds: 0 }),
    [item],
  );
  quiz.round.value = round;
  return (
    <div class={css.phone}>
      <Question
        key={JSON.stringify(item.options?.map((o) => o.id))}
        quiz={quiz}
        item={item}
        shut={false}
        away={false}
      />
    </div>
  );
}

export function QuestionPreview(props: {
  item: Authored;
  n: number;
  of: number;
  place: PreviewPlace;
  setPlace: (place: PreviewPlace) => void;
}) {
  const { n, of, place, setPlace } = props;
  const item = useMemo(() => mixed(props.item), [props.item]);
  return (
    <section class={css.preview} aria-label={t("edit.preview")}>
      <Tabs
        label={t("edit.preview")}
        tabs={[
          { id: "phone", label: t("edit.preview.phone"), icon: Smartphone },
          { id: "projector", label: t("edit.preview.projector"), icon: Presentation },
        ]}
        value={place}
        onChange={(id) => setPlace(id as PreviewPlace)}
      >
        <div {...{ inert: true }} data-preview={place}>
          {place === "phone" ? <PhonePreview item={item} /> : <StagePreview item={item} n={n} of={of} />}
        </div>
      </Tabs>
    </section>
  );
}
