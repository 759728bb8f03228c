// Tabs shows one of a few views of the same thing. Arrow keys move and choose.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { IconNode } from "lucide";
import { Icon } from "./icon";
import { moveFocus } from "./roving";
import css from "./tabs.module.css";

export function Tabs({
  label,
  tabs,
  value,
  onChange,
  children,
}: {
  label: string;
  tabs: { id: string; label: string; icon?: IconNode; count?: number }[];
  value: string;
  onChange: (id: string) => void;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <div>
      <div
        class={css.tabs}
        role="tablist"
        aria-label={label}
        onKeyDown={(e) => {
          const to = moveFocus(e, "row");
          if (to) onChange(to.dataset.rove!);
        }}
      >
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            class={css.tab}
            id={`${id}-${tab.id}`}
            data-rove={tab.id}
            tabIndex={tab.id === value ? 0 : -1}
            aria-selected={tab.id === value}
            aria-controls={`${id}-panel`}
            onClick={() => onChange(tab.id)}
          >
            {tab.icon && <Icon icon={tab.icon} />}
            {tab.label}
            {tab.count ? <span class={css.count}>{tab.count}</span> : null}
          </button>
        ))}
      </div>
      <div class={css.panel} role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${value}`} tabIndex={0}>
        {children}
      </div>
    </div>
  );
}
