// Chip is a short fact with an icon: a state, a code, a count. With onPress it is a filter that is
// on or off.
import type { ComponentChildren } from "preact";
import type { IconNode } from "lucide";
import { Icon } from "./icon";
import css from "./chip.module.css";

export function Chip({
  tone,
  icon,
  pressed,
  onPress,
  children,
}: {
  tone?: "brand" | "ok" | "warn" | "bad";
  icon?: IconNode;
  pressed?: boolean;
  onPress?: () => void;
  children: ComponentChildren;
}) {
  const inside = (
    <>
      {icon && <Icon icon={icon} />}
      {children}
    </>
  );
  if (onPress)
    return (
      <button type="button" class={css.chip} aria-pressed={!!pressed} onClick={onPress}>
        {inside}
      </button>
    );
  return <span class={tone ? `${css.chip} ${css[tone]}` : css.chip}>{inside}</span>;
}
