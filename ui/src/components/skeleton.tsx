// Skeleton has the form of what comes; show it only when something takes long (Delayed).
import { t } from "../locales/i18n";
import css from "./skeleton.module.css";

export const Skeleton = ({ rows = 3, tiles }: { rows?: number; tiles?: boolean }) => (
  <div class={tiles ? `${css.skeleton} ${css.tiles}` : css.skeleton} data-part="skeleton" role="status">
    <span class="visually-hidden">{t("loading")}</span>
    {Array.from({ length: rows }, (_, n) => (
      <i key={n} />
    ))}
  </div>
);
