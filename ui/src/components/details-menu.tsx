import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import "./details-menu.css";

// Menu is a menu that native <details> opens; Escape and leaving it close it.
// text is in the place of the dots.
export function Menu({ label, text, children }: { label: string; text?: string; children: ComponentChildren }) {
  const ref = useRef<HTMLDetailsElement>(null);
  const shut = (focus: boolean) => {
    if (!ref.current?.open) return;
    ref.current.open = false;
    if (focus) ref.current.querySelector("summary")?.focus();
  };
  return (
    <details
      class="more"
      ref={ref}
      onKeyDown={(e) => e.key === "Escape" && shut(true)}
      onFocusOut={(e) => !ref.current?.contains(e.relatedTarget as Node | null) && shut(false)}
    >
      <summary aria-label={label} class={text ? "worded" : undefined}>
        {text ?? "⋯"}
      </summary>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the buttons in it are what is pressed */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a key press on a button is a click too */}
      <div class="more-list" onClick={() => shut(true)}>
        {children}
      </div>
    </details>
  );
}
