// The question which of two numbers a pupil means.
import { Button } from "../../components/button";
import { dateLocale, t } from "../../locales/i18n";
import css from "./which-number.module.css";

// WhichNumber offers both readings of a typed text. choose gets one in the way of programs.
export function WhichNumber(props: { id: string; typed: string; both: string[]; choose: (text: string) => void }) {
  const { id, both, choose } = props;
  return (
    <div role="group" aria-labelledby={`w-${id}`} class={css.which}>
      <p id={`w-${id}`} role="alert">
        {t("quiz.which", { text: props.typed.trim() })}
      </p>
      {both.map((text) => (
        <Button key={text} type="button" onClick={() => choose(text)}>
          <bdi dir="ltr">
            {new Intl.NumberFormat(dateLocale(), { useGrouping: false, maximumFractionDigits: 3 }).format(Number(text))}
          </bdi>
        </Button>
      ))}
    </div>
  );
}
