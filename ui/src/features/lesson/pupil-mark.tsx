// PupilMark is a small word about a pupil: a raised hand, an answer to "are you with me?".
import type { ComponentChildren } from "preact";
import { NamedIcon, type NamedIconName } from "../../components/named-icon";
import css from "./pupil-mark.module.css";

const tones: { [what: string]: string | undefined } = {
  yes: css.ok,
  no: css.warn,
  silent: css.warn,
  lost: css.bad,
  wrong: css.bad,
  muted: css.muted,
};

// what gives the colour.
export const PupilMark = ({
  what = "",
  icon,
  children,
}: {
  what?: string;
  icon?: NamedIconName;
  children: ComponentChildren;
}) => (
  <span class={`${css.mark} ${tones[what] ?? ""}`}>
    {icon && <NamedIcon name={icon} />}
    {children}
  </span>
);
