// TimerRing is the time that is left, Meter is how many of all have done it, Bar is one answer's
// share at the reveal. All have figures as text.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { CircleCheck } from "lucide";
import { Icon } from "./icon";
import { TileMark } from "./tile";
import css from "./meter.module.css";

// left is from 0 to 1; text is the time, such as 0:18. low warns by colour and weight.
export function TimerRing({ left, text, label, low }: { left: number; text: string; label: string; low?: boolean }) {
  return (
    <span class={low ? `${css.ring} ${css.low}` : css.ring} role="timer" aria-label={`${label} ${text}`}>
      <svg viewBox="0 0 40 40" aria-hidden="true" focusable="false">
        <circle cx="20" cy="20" r="17" />
        <circle class={css.left} cx="20" cy="20" r="17" pathLength={1} style={{ strokeDashoffset: 1 - left }} />
      </svg>
      <b aria-hidden="true">{text}</b>
    </span>
  );
}

export function Meter({ value, of, text }: { value: number; of: number; text: string }) {
  return (
    <div class={css.meter}>
      <span aria-hidden="true">{text}</span>
      <div class={css.track} role="meter" aria-label={text} aria-valuemin={0} aria-valuemax={of} aria-valuenow={value}>
        <div
          class={of > 0 && value >= of ? `${css.fill} ${css.full}` : css.fill}
          style={{ inlineSize: `${of ? (100 * value) / of : 0}%` }}
        />
      </div>
    </div>
  );
}

// Bar grows from zero when it appears. n gives hue and letter. right is the name of the mark for
// the right answer.
export function Bar({
  n,
  share,
  count,
  right,
  children,
}: {
  n?: number;
  share: number;
  count: ComponentChildren;
  right?: string;
  children: ComponentChildren;
}) {
  const [grown, setGrown] = useState(false);
  useEffect(() => {
    const frame = requestAnimationFrame(() => setGrown(true));
    return () => cancelAnimationFrame(frame);
  }, []);
  return (
    <div class={n === undefined ? css.bar : `${css.bar} hue${n % 4}`}>
      {n === undefined ? <span /> : <TileMark n={n} filled />}
      <span class={right ? `${css.name} ${css.right}` : css.name}>
        {children}
        {right && <Icon icon={CircleCheck} label={right} />}
      </span>
      <span class={css.count}>{count}</span>
      <div class={css.track}>
        <div class={css.fill} style={{ inlineSize: grown ? `${100 * share}%` : "0" }} />
      </div>
    </div>
  );
}
