// Button. Kinds: primary is the next step, one in sight; secondary is the rest; quiet is for rows
// of tools; danger is for what cannot be undone. Without children it is round and needs a label.
import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { LoaderCircle, type IconNode } from "lucide";
import { Icon } from "./icon";
import css from "./button.module.css";

export type ButtonKind = "primary" | "secondary" | "quiet" | "danger";

// While busy, the button keeps the focus and does nothing.
export function Button({
  kind = "secondary",
  icon,
  mirrored,
  busy,
  big,
  label,
  children,
  onClick,
  ...rest
}: {
  kind?: ButtonKind;
  icon?: IconNode;
  mirrored?: boolean;
  busy?: boolean;
  big?: boolean;
  label?: string;
  children?: ComponentChildren;
} & Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon" | "label">) {
  const classes = [css.button, css[kind], big && css.big, !children && css.round, busy && css.busy]
    .filter(Boolean)
    .join(" ");
  const shown = busy ? LoaderCircle : icon;
  return (
    <button
      type="button"
      {...rest}
      class={classes}
      aria-label={label}
      title={children ? undefined : label}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={(e) => (busy ? e.preventDefault() : onClick?.(e))}
    >
      {shown && <Icon icon={shown} mirrored={mirrored && !busy} />}
      {children}
    </button>
  );
}
