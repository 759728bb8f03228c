import type { ComponentChildren } from "preact";
import { ChevronLeft } from "lucide";
import { ButtonLink } from "./button-link";
import css from "./back-link.module.css";

// BackLink leads to the page that this one belongs to. It is not printed.
export const BackLink = ({ href, children }: { href: string; children: ComponentChildren }) => (
  <div class={`no-print ${css.back}`}>
    <ButtonLink kind="quiet" icon={ChevronLeft} mirrored href={href}>
      {children}
    </ButtonLink>
  </div>
);
