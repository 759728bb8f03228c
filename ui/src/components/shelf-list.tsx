// ShelfList has what is prepared or over, a line each. A line leads to its page and may have a menu.
import type { ComponentChildren } from "preact";
import { PageLink } from "./page-link";
import css from "./shelf-list.module.css";

export const ShelfList = ({ children }: { children: ComponentChildren }) => <ul class={css.list}>{children}</ul>;

export const ShelfLine = ({
  href,
  title,
  facts,
  children,
}: {
  href: string;
  title: string;
  facts: ComponentChildren;
  children?: ComponentChildren;
}) => (
  <li class={css.line}>
    <PageLink class={css.link} href={href}>
      <strong>
        <bdi>{title}</bdi>
      </strong>
      <small>{facts}</small>
    </PageLink>
    {children}
  </li>
);
