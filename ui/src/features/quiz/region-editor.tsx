// The right places of a pin: rectangles and ellipses on the picture, drawn and moved by a mouse or a
// finger, or given as numbers. A region that has the focus moves by the arrow keys, and with Shift
// it changes its size.
import { useRef, useState } from "preact/hooks";
import { Circle, Plus, Square, Trash2 } from "lucide";
import type { ItemImage, ItemRegion } from "../../contract";
import { library } from "../../api/library";
import { Button } from "../../components/button";
import { Icon } from "../../components/icon";
import { WholeNumberField } from "../../components/number-field";
import { t } from "../../locales/i18n";
import { FieldFault } from "./question-fault";
import css from "./region-editor.module.css";

const most = 10;
const least = 0.02; // a smaller one is a tap and no region

type Side = "x" | "y" | "w" | "h";
const sides: Side[] = ["x", "y", "w", "h"];

const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v, low), Math.max(low, high));

// keepInside returns the region on the picture, in whole per cents.
function keepInside(r: ItemRegion): ItemRegion {
  const round = (v: number) => Math.round(v * 100) / 100;
  const w = clamp(round(r.w), least, 1);
  const h = clamp(round(r.h), least, 1);
  return { ...r, w, h, x: round(clamp(r.x, 0, 1 - w)), y: round(clamp(r.y, 0, 1 - h)) };
}

interface Drag {
  index: number; // -1: a new region
  from: { x: number; y: number };
  start: ItemRegion;
  region: ItemRegion; // as it is now
}

export function RegionEditor(props: {
  id: string;
  image: ItemImage;
  regions: ItemRegion[];
  fault?: string;
  set: (regions: ItemRegion[]) => void;
}) {
  const { id, image, regions, fault, set } = props;
  const place = useRef<HTMLDivElement>(null);
  const [round, setRound] = useState(false);
  const [drag, setDrag] = useState<Drag | null>(null);
  const at = (e: PointerEvent) => {
    const box = place.current!.getBoundingClientRect();
    return { x: clamp((e.clientX - box.left) / box.width, 0, 1), y: clamp((e.clientY - box.top) / box.height, 0, 1) };
  };
  const put = (i: number, r: ItemRegion) => set(regions.map((x, j) => (j === i ? keepInside(r) : x)));
  const dragged = (e: PointerEvent): ItemRegion => {
    const to = at(e);
    const { from, start, index } = drag!;
    if (index >= 0) return keepInside({ ...start, x: start.x + to.x - from.x, y: start.y + to.y - from.y });
    return {
      ...start,
      x: Math.min(from.x, to.x),
      y: Math.min(from.y, to.y),
      w: Math.abs(to.x - from.x),
      h: Math.abs(to.y - from.y),
    };
  };
  const begin = (e: PointerEvent) => {
    if (e.button !== 0) return;
    const index = Number((e.target as HTMLElement).closest<HTMLElement>("[data-region]")?.dataset.region ?? -1);
    if (index < 0 && regions.length >= most) return;
    e.preventDefault();
    place.current!.setPointerCapture(e.pointerId);
    place.current!.querySelector<HTMLElement>(`[data-region="${index}"]`)?.focus();
    const from = at(e);
    const start = regions[index] ?? { ...from, w: 0, h: 0, ...(round ? { round } : {}) };
    setDrag({ index, from, start, region: start });
  };
  const end = (e: PointerEvent) => {
    if (!drag) return;
    const region = dragged(e);
    setDrag(null);
    if (drag.index >= 0) put(drag.index, region);
    else if (region.w >= least && region.h >= least) set([...regions, keepInside(region)]);
  };
  const onKey = (e: KeyboardEvent, i: number) => {
    const r = regions[i]!;
    const step = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowUp: ["y", -1], ArrowDown: ["y", 1] }[e.key] as
      | ["x" | "y", number]
      | undefined;
    if (e.key === "Delete") {
      e.preventDefault();
      set(regions.filter((_, j) => j !== i));
    }
    if (!step) return;
    e.preventDefault();
    const side = e.shiftKey ? ({ x: "w", y: "h" } as const)[step[0]] : step[0];
    put(i, { ...r, [side]: r[side] + step[1] / 100 });
  };
  const shown = drag
    ? drag.index >= 0
      ? regions.map((r, i) => (i === drag.index ? drag.region : r))
      : [...regions, drag.region]
    : regions;
  return (
    <fieldset class={css.field} data-regions>
      <legend>{t("edit.pin.regions")}</legend>
      <p>{t("edit.pin.hint")}</p>
      <div class={css.row} role="group" aria-label={t("edit.pin.shape")}>
        {[false, true].map((r) => (
          <Button key={String(r)} icon={r ? Circle : Square} aria-pressed={round === r} onClick={() => setRound(r)}>
            {t(r ? "edit.pin.round" : "edit.pin.square")}
          </Button>
        ))}
      </div>
      <div
        ref={place}
        class={css.place}
        data-place
        style={{ aspectRatio: `${image.w} / ${image.h}` }}
        onPointerDown={begin}
        onPointerMove={(e) => drag && setDrag({ ...drag, region: dragged(e) })}
        onPointerUp={end}
        onPointerCancel={() => setDrag(null)}
      >
        <img src={library.imageFile(image.id)} alt={image.alt ?? ""} draggable={false} />
        {shown.map((r, i) => (
          <button
            key={i}
            type="button"
            data-region={i}
            class={r.round ? `${css.region} ${css.round}` : css.region}
            style={{ left: `${r.x * 100}%`, top: `${r.y * 100}%`, width: `${r.w * 100}%`, height: `${r.h * 100}%` }}
            aria-label={t("edit.pin.region", { n: i + 1 })}
            aria-describedby={`${id}-region-keys`}
            onKeyDown={(e) => onKey(e, i)}
          >
            <b aria-hidden="true">{i + 1}</b>
          </button>
        ))}
      </div>
      <small id={`${id}-region-keys`}>{t("edit.pin.keys")}</small>
      <FieldFault id={`${id}-regions-fault`} text={fault} />
      {regions.length > 0 && (
        <ol class={css.list}>
          {regions.map((r, i) => (
            <li key={i}>
              <span class={css.name}>
                <Icon icon={r.round ? Circle : Square} /> {t("edit.pin.region", { n: i + 1 })}
              </span>
              {sides.map((side) => (
                <WholeNumberField
                  key={side}
                  id={`${id}-region-${i}-${side}`}
                  label={t(`edit.pin.${side}`)}
                  value={Math.round(r[side] * 100)}
                  least={side === "x" || side === "y" ? 0 : 2}
                  most={100}
                  set={(v) => put(i, { ...r, [side]: v / 100 })}
                />
              ))}
              <Button
                kind="quiet"
                icon={Trash2}
                label={t("edit.pin.drop", { n: i + 1 })}
                onClick={() => set(regions.filter((_, j) => j !== i))}
              />
            </li>
          ))}
        </ol>
      )}
      {regions.length < most && (
        <div>
          <Button
            icon={Plus}
            onClick={() => set([...regions, { x: 0.4, y: 0.4, w: 0.2, h: 0.2, ...(round ? { round } : {}) }])}
          >
            {t("edit.pin.add")}
          </Button>
        </div>
      )}
    </fieldset>
  );
}
