// Icon draws a Lucide icon, a reaction of reactions.ts or the mark of brand.ts as inline SVG, at
// 1.25 times the size of the text. An import of one icon brings that icon only:
//
//	import { Hand } from "lucide";
//	<Icon icon={Hand} />
import { h } from "preact";
import type { IconNode } from "lucide";
import css from "./icon.module.css";

// mirrored is for icons that point in the direction of reading. Without a label the icon is an
// ornament of the text next to it.
export function Icon({ icon, label, mirrored }: { icon: IconNode; label?: string; mirrored?: boolean }) {
  const name = label ? ({ role: "img", "aria-label": label } as const) : ({ "aria-hidden": true } as const);
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: a label is its name, and an ornament has none
    <svg class={mirrored ? `${css.icon} ${css.mirrored}` : css.icon} viewBox="0 0 24 24" focusable="false" {...name}>
      {icon.map(([tag, attributes]) => h(tag, attributes))}
    </svg>
  );
}
