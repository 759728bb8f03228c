// An answer on a picture: what a pupil drew, or the places that pupils pointed at. Points of a stroke
// are in ten thousandths of the sides, and places in whole sides.
import type { ItemPlace, ItemRegion, ItemStroke } from "../../contract";
import { t } from "../../locales/i18n";
import type { Item } from "../../state/quiz";
import { InkStroke } from "../whiteboard/board-surface";
import css from "./answer-picture.module.css";

export function AnswerPicture({
  item,
  strokes = [],
  pins = [],
  regions = [],
}: {
  item: Pick<Item, "image">;
  strokes?: ItemStroke[];
  pins?: ItemPlace[];
  regions?: ItemRegion[]; // the right places
}) {
  const [w, h] = item.image ? [item.image.w, item.image.h] : [4, 3];
  const ratio = h / w;
  return (
    <div class={css.picture} style={{ "--ratio": w / h }} role="img" aria-label={t("stage.wall.picture")}>
      {item.image && <img src={`/images/${encodeURIComponent(item.image.id)}`} alt="" />}
      <svg viewBox={`0 0 10000 ${ratio * 10000}`} preserveAspectRatio="none" aria-hidden="true">
        {regions.map((r, n) => (
          <rect
            key={n}
            class={css.region}
            x={r.x * 10000}
            y={r.y * 10000 * ratio}
            width={r.w * 10000}
            height={r.h * 10000 * ratio}
            rx={r.round ? r.w * 5000 : 0}
            ry={r.round ? r.h * 5000 * ratio : 0}
            data-part="region"
          />
        ))}
        {strokes.map((s, n) => (
          <InkStroke key={n} stroke={{ ...s, id: String(n), tool: "pen" }} ratio={ratio} />
        ))}
        {pins.map((p, n) => (
          <circle
            key={n}
            class={css.pin}
            cx={p.x * 10000}
            cy={p.y * 10000 * ratio}
            r={pins.length > 1 ? 350 : 500}
            data-part="place"
          />
        ))}
      </svg>
    </div>
  );
}
