// EmptyState says what will be here and offers the one action. Skeleton has the form of what
// comes; show it only when something takes long (Later).
import type { ComponentChildren } from "preact";
import type { IconNode } from "lucide";
import { t } from "../locales/i18n";
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

export const Skeleton = ({ rows = 3, tiles }: { rows?: number; tiles?: boolean }) => (
  <div class={tiles ? `${css.skeleton} ${css.tiles}` : css.skeleton} role="status">
    <span class="visually-hidden">{t("loading")}</span>
    {Array.from({ length: rows }, (_, n) => (
      <i key={n} />
    ))}
  </div>
);
