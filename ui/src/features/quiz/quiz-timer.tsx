import { NamedIcon } from "../../components/named-icon";
import { useNow } from "../../components/hooks";
import { span, t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import css from "./quiz-timer.module.css";

// QuizTimer shows what is left. It is said aloud once, ten seconds before the end.
export function QuizTimer({ room, end }: { room: Room; end: number }) {
  useNow();
  const left = Math.max(0, end - room.now());
  return (
    <p class={left < 10000 ? `${css.timer} ${css.soon}` : css.timer}>
      <NamedIcon name="waiting" />
      <span role="timer" aria-label={t("quiz.left")}>
        {span(left + 999)}
      </span>
      <span class="visually-hidden" role="status">
        {left > 0 && left < 10000 ? t("quiz.soon") : ""}
      </span>
    </p>
  );
}
