// The keys of a keyboard and of a presenter's clicker drive the stage.
import { useEffect, useRef } from "preact/hooks";

// Clickers send PageUp and PageDown, or arrows. Left and right follow the direction of reading.
function stepOf(e: KeyboardEvent): "next" | "back" | null {
  const rtl = document.documentElement.dir === "rtl";
  switch (e.key) {
    case "PageDown":
    case "ArrowDown":
    case " ":
      return "next";
    case "PageUp":
    case "ArrowUp":
      return "back";
    case "ArrowRight":
      return rtl ? "back" : "next";
    case "ArrowLeft":
      return rtl ? "next" : "back";
  }
  return null;
}

// What has the focus may need the key itself.
function keeps(target: Element, key: string): boolean {
  if (target.closest("textarea, select, [contenteditable], [role=menu], [role=tablist], [role=log]")) return true;
  if (target instanceof HTMLInputElement) return true;
  return key === " " && !!target.closest("button, a, summary");
}

export function useStageKeys(next: () => void, back: () => void) {
  const step = useRef({ next, back });
  step.current = { next, back };
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.repeat || e.ctrlKey || e.altKey || e.metaKey || e.shiftKey) return;
      if (document.querySelector("dialog[open]") || keeps(e.target as Element, e.key)) return;
      const to = stepOf(e);
      if (!to) return;
      e.preventDefault();
      step.current[to]();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}
