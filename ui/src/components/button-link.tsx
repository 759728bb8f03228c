// ButtonLink is a link to a page of the box, or to a file to download, with the look of a button. An
// outside one loads the document again. Without children it is round and needs a label.
import type { AnchorHTMLAttributes, ComponentChildren } from "preact";
import type { IconNode } from "lucide";
import type { ButtonKind } from "./button";
import { Icon } from "./icon";
import { PageLink } from "./page-link";
import css from "./button.module.css";

export function ButtonLink({
  href,
  download,
  outside,
  label,
  kind = "secondary",
  icon,
  mirrored,
  big,
  children,
  ...rest
}: {
  href: string;
  download?: boolean;
  outside?: boolean;
  label?: string;
  kind?: ButtonKind;
  icon?: IconNode;
  mirrored?: boolean;
  big?: boolean;
  children?: ComponentChildren;
} & Pick<AnchorHTMLAttributes<HTMLAnchorElement>, "target" | "rel">) {
  const Link = download || outside ? "a" : PageLink;
  const classes = [css.button, css[kind], big && css.big, !children && css.round].filter(Boolean).join(" ");
  return (
    <Link {...rest} href={href} download={download} class={classes} aria-label={label}>
      {icon && <Icon icon={icon} mirrored={mirrored} />}
      {children}
    </Link>
  );
}
