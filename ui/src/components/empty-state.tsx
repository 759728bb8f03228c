// EmptyState says what will be here and offers the one action.
import type { ComponentChildren } from "preact";
import type { IconNode } from "lucide";
import { Icon } from "./icon";
import css from "./empty-state.module.css";

export const EmptyState = ({
  icon,
  children,
  action,
}: {
  icon: IconNode;
  children: ComponentChildren;
  action?: ComponentChildren;
}) => (
  <div class={css.empty}>
    <span class={css.picture}>
      <Icon icon={icon} />
    </span>
    <p class={css.text}>{children}</p>
    {action}
  </div>
);
