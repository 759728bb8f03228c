// Menu is a button with a list of further actions. The list is in the top layer where the browser
// has one, so no scrolling column cuts it off. It opens upwards where there is no room below.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { EllipsisVertical, type IconNode } from "lucide";
import { Button, type ButtonKind } from "./button";
import { Icon } from "./icon";
import { moveFocus } from "./roving";
import css from "./menu.module.css";

export interface MenuItem {
  label: string;
  icon?: IconNode;
  danger?: boolean;
  disabled?: boolean;
  file?: string; // the address of a file: the item downloads it
  onSelect?: () => void;
}

const margin = 8;

function placeList(button: HTMLElement, list: HTMLElement) {
  const at = button.getBoundingClientRect();
  const rtl = getComputedStyle(button).direction === "rtl";
  const left = rtl ? at.left : at.right - list.offsetWidth;
  const below = at.bottom + 4;
  const fits = below + list.offsetHeight <= innerHeight - margin;
  list.style.left = `${Math.max(margin, Math.min(left, innerWidth - list.offsetWidth - margin))}px`;
  list.style.top = `${Math.max(margin, fits ? below : at.top - list.offsetHeight - 4)}px`;
}

// label names the button. It is also its text, unless the menu is an icon only.
export function Menu({
  label,
  icon = EllipsisVertical,
  text,
  kind = "quiet",
  items,
}: {
  label: string;
  icon?: IconNode;
  text?: boolean;
  kind?: ButtonKind;
  items: MenuItem[];
}) {
  const [open, setOpen] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const button = () => place.current!.querySelector("button")!;
  const close = () => {
    setOpen(false);
    button().focus();
  };
  useLayoutEffect(() => {
    if (!open || !list.current) return;
    list.current.showPopover?.();
    placeList(button(), list.current);
    list.current.querySelector<HTMLElement>("[data-rove]:not(:disabled)")?.focus({ preventScroll: true });
  }, [open]);
  useEffect(() => {
    if (!open) return;
    const leave = (e: Event) => {
      if (!place.current?.contains(e.target as Node)) setOpen(false);
    };
    const gone = new AbortController();
    addEventListener("pointerdown", leave, { signal: gone.signal });
    addEventListener("scroll", leave, { signal: gone.signal, capture: true });
    addEventListener("resize", () => setOpen(false), { signal: gone.signal });
    return () => gone.abort();
  }, [open]);
  const onKey = (e: KeyboardEvent) => {
    if (e.key === "Escape") {
      e.preventDefault(); // a dialog around the menu stays open
      e.stopPropagation();
      close();
    } else if (e.key === "Tab") {
      setOpen(false);
    } else {
      moveFocus(e, "column");
    }
  };
  return (
    <div ref={place}>
      <Button
        kind={kind}
        icon={icon}
        label={text ? undefined : label}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        onKeyDown={(e) => {
          if (e.key !== "ArrowDown") return;
          e.preventDefault();
          setOpen(true);
        }}
      >
        {text && label}
      </Button>
      {open && (
        <div ref={list} class={css.menu} role="menu" aria-label={label} {...{ popover: "manual" }} onKeyDown={onKey}>
          {items.map((item) => {
            const shared = {
              role: "menuitem" as const,
              tabIndex: -1,
              "data-rove": true,
              class: item.danger ? `${css.item} ${css.danger}` : css.item,
              onClick: () => {
                close();
                item.onSelect?.();
              },
            };
            const inside = (
              <>
                {item.icon && <Icon icon={item.icon} />}
                {item.label}
              </>
            );
            return item.file ? (
              <a key={item.label} {...shared} href={item.file} download>
                {inside}
              </a>
            ) : (
              <button key={item.label} {...shared} type="button" disabled={item.disabled}>
                {inside}
              </button>
            );
          })}
        </div>
      )}
    </div>
  );
}
