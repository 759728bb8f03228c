// Pictures on the projector: of a question, with the places of a pin, and drawings of pupils.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { t } from "../../locales/i18n";
import type { ItemImage, ItemPlace, ItemRegion, ItemStroke } from "../../contract";
import type { Item } from "../../state/quiz";
import { InkStroke } from "../whiteboard/board-surface";
import css from "./projector-picture.module.css";

export const pictureURL = (image: ItemImage) => `/images/${encodeURIComponent(image.id)}`;

// Frame is as large as its place allows at this ratio of width to height.
function Frame({ ratio, children }: { ratio: number; children: ComponentChildren }) {
  return (
    <div class={css.place}>
      <div class={css.frame} style={{ "--ratio": ratio }}>
        {children}
      </div>
    </div>
  );
}

export function StagePicture({ image, children }: { image: ItemImage; children?: ComponentChildren }) {
  return (
    <Frame ratio={image.w / image.h}>
      <img src={pictureURL(image)} alt={image.alt ?? ""} width={image.w} height={image.h} />
      {children}
    </Frame>
  );
}

// HeatMap lies over a picture: each pupil's place is a warm spot, and a right place has an outline.
export function HeatMap({ image, pins, regions }: { image: ItemImage; pins: ItemPlace[]; regions: ItemRegion[] }) {
  const [w, h] = [1000, (1000 * image.h) / image.w];
  const heat = useId();
  return (
    <svg
      class={css.over}
      data-part="heat"
      viewBox={`0 0 ${w} ${h}`}
      role="img"
      aria-label={t("stage.answers", { n: pins.length })}
      focusable="false"
    >
      <defs>
        <radialGradient id={heat}>
          <stop offset="0" class={css.hot} />
          <stop offset="1" class={css.cold} />
        </radialGradient>
      </defs>
      {pins.map((p, n) => (
        <circle key={`spot${n}`} class={css.spot} cx={p.x * w} cy={p.y * h} r="55" fill={`url(#${heat})`} />
      ))}
      {pins.map((p, n) => (
        <circle key={`pin${n}`} class={css.pin} cx={p.x * w} cy={p.y * h} r="7" />
      ))}
      {regions.map((r, n) =>
        r.round ? (
          <ellipse
            key={n}
            class={css.region}
            cx={(r.x + r.w / 2) * w}
            cy={(r.y + r.h / 2) * h}
            rx={(r.w / 2) * w}
            ry={(r.h / 2) * h}
          />
        ) : (
          <rect key={n} class={css.region} x={r.x * w} y={r.y * h} width={r.w * w} height={r.h * h} />
        ),
      )}
    </svg>
  );
}

// Drawing is a pupil's drawing on the question's picture or on white paper of 4:3.
export function Drawing({ item, strokes }: { item: Item; strokes: ItemStroke[] }) {
  const ratio = item.image ? item.image.h / item.image.w : 3 / 4;
  return (
    <Frame ratio={1 / ratio}>
      {item.image && <img src={pictureURL(item.image)} alt="" width={item.image.w} height={item.image.h} />}
      <svg
        class={css.over}
        viewBox={`0 0 10000 ${10000 * ratio}`}
        role="img"
        aria-label={t("stage.drawing")}
        focusable="false"
      >
        {strokes.map((s, n) => (
          <InkStroke key={n} stroke={{ ...s, id: String(n), tool: "pen" }} ratio={ratio} />
        ))}
      </svg>
    </Frame>
  );
}
