// moveFocus moves the focus between the elements with data-rove in a menu or a row of tabs: by
// arrow keys, Home and End, around the ends, and in the direction of reading.
export function moveFocus(e: KeyboardEvent, axis: "row" | "column"): HTMLElement | undefined {
  const group = e.currentTarget as HTMLElement;
  const items = [...group.querySelectorAll<HTMLElement>("[data-rove]:not(:disabled)")];
  const turned = axis === "row" && getComputedStyle(group).direction === "rtl";
  const [back, forward] =
    axis === "column" ? ["ArrowUp", "ArrowDown"] : turned ? ["ArrowRight", "ArrowLeft"] : ["ArrowLeft", "ArrowRight"];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to = { [back!]: at - 1, [forward!]: at + 1, Home: 0, End: items.length - 1 }[e.key];
  if (to === undefined || !items.length) return undefined;
  e.preventDefault();
  const item = items[(to + items.length) % items.length]!;
  item.focus();
  return item;
}
