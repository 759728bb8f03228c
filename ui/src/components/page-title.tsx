import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

// PageTitle is the name of a page. dir is for a name that people gave.
export function PageTitle({ dir, children }: { dir?: "auto"; children: ComponentChildren }) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${ref.current?.textContent ?? ""} · LiveLearn`;
  });
  return (
    <h1 tabIndex={-1} ref={ref} dir={dir}>
      {children}
    </h1>
  );
}
