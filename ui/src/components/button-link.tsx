// ButtonLink is a link to a page of the box, or to a file to download, with the look of a button.
import type { ComponentChildren } from "preact";
import { ChevronLeft, type IconNode } from "lucide";
import type { ButtonKind } from "./button";
import { Icon } from "./icon";
import { PageLink } from "./page-link";
import css from "./button.module.css";

export function ButtonLink({
  href,
  download,
  kind = "secondary",
  icon,
  mirrored,
  big,
  children,
}: {
  href: string;
  download?: boolean;
  kind?: ButtonKind;
  icon?: IconNode;
  mirrored?: boolean;
  big?: boolean;
  children: ComponentChildren;
}) {
  const Link = download ? "a" : PageLink;
  return (
    <Link href={href} download={download} class={[css.button, css[kind], big && css.big].filter(Boolean).join(" ")}>
      {icon && <Icon icon={icon} mirrored={mirrored} />}
      {children}
    </Link>
  );
}

// BackLink leads to the page that this one belongs to. It is not printed.
export const BackLink = ({ href, children }: { href: string; children: ComponentChildren }) => (
  <div class={`no-print ${css.back}`}>
    <ButtonLink kind="quiet" icon={ChevronLeft} mirrored href={href}>
      {children}
    </ButtonLink>
  </div>
);
