// Tile is an answer: a hue, a shape and a letter, which are the same on phone, console and stage.
// With onPress it is a button, without it is a picture of the answer.
import type { ComponentChildren } from "preact";
import { Check, Lock, X } from "lucide";
import { Icon } from "./icon";
import css from "./tile.module.css";

// chosen can still change. locked is chosen for good. right and wrong come with the reveal:
// wrong is for the answer that a pupil chose. dimmed is every other answer.
export type TileState = "idle" | "chosen" | "locked" | "right" | "wrong" | "dimmed";

const shapes = [
  "M12 1.5a10.5 10.5 0 1 0 0 21 10.5 10.5 0 0 0 0-21z",
  "M4 2h16a2 2 0 0 1 2 2v16a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z",
  "M10.4 1.9a1.9 1.9 0 0 1 3.2 0l10.1 17.9a1.9 1.9 0 0 1-1.6 2.8H1.9a1.9 1.9 0 0 1-1.6-2.8z",
  "M10.6.6a2 2 0 0 1 2.8 0l10 10a2 2 0 0 1 0 2.8l-10 10a2 2 0 0 1-2.8 0l-10-10a2 2 0 0 1 0-2.8z",
  "M12 .8l11.3 8.4L19 22.5H5L.7 9.2z",
  "M12 .5l10 5.75v11.5l-10 5.75-10-5.75V6.25z",
];
const badges = { chosen: Check, locked: Lock, right: Check, wrong: X };

// letterOf names the options A, B, C, …
export const letterOf = (n: number) => String.fromCharCode(65 + n);

// TileMark is the shape with the letter. filled is for a light ground.
export const TileMark = ({ n, filled }: { n: number; filled?: boolean }) => (
  <span
    class={[css.mark, `hue${n % 4}`, n % 6 === 2 && css.triangle, filled && css.filled].filter(Boolean).join(" ")}
    aria-hidden="true"
  >
    <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={shapes[n % 6]} />
    </svg>
    <b>{letterOf(n)}</b>
  </span>
);

// note is what the state says to a screen reader, such as "your answer". count is shown at the end.
export function Tile({
  n,
  state = "idle",
  children,
  count,
  note,
  disabled,
  onPress,
}: {
  n: number;
  state?: TileState;
  children: ComponentChildren;
  count?: ComponentChildren;
  note?: string;
  disabled?: boolean;
  onPress?: () => void;
}) {
  const classes = `${css.tile} hue${n % 4} ${css[state] ?? ""}`;
  const badge = state === "idle" || state === "dimmed" ? null : badges[state];
  const inside = (
    <>
      <TileMark n={n} />
      <span class={css.text}>
        <span class="visually-hidden">{letterOf(n)}: </span>
        {children}
        {note && <span class="visually-hidden"> ({note})</span>}
      </span>
      <span class={css.end}>
        {count}
        {badge && (
          <span class={css.badge}>
            <Icon icon={badge} />
          </span>
        )}
      </span>
    </>
  );
  if (!onPress) return <div class={classes}>{inside}</div>;
  return (
    <button
      type="button"
      class={classes}
      aria-pressed={state === "chosen" || state === "locked"}
      disabled={disabled || state === "locked"}
      onClick={onPress}
    >
      {inside}
    </button>
  );
}
