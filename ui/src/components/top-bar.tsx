// TopBar is the line over a page: the product, the box, and what the page offers there.
import type { ComponentChildren } from "preact";
import { mark } from "./brand";
import { Icon } from "./icon";
import { PageLink } from "./page-link";
import css from "./top-bar.module.css";

const Logo = () => (
  <>
    <Icon icon={mark} />
    <span class={css.word}>LiveLearn</span>
  </>
);

// With home, the product's name leads there. who is the person who is signed in.
export const TopBar = ({
  box,
  home,
  who,
  children,
}: {
  box: string;
  home?: string;
  who?: string;
  children: ComponentChildren;
}) => (
  <header class={css.bar}>
    {home ? (
      <PageLink href={home} class={css.logo} aria-label="LiveLearn">
        <Logo />
      </PageLink>
    ) : (
      <span class={css.logo}>
        <Logo />
      </span>
    )}
    {box && (
      <span class={css.name}>
        <bdi>{box}</bdi>
      </span>
    )}
    <span class={css.gap} />
    {who && (
      <span class={css.name}>
        <bdi>{who}</bdi>
      </span>
    )}
    {children}
  </header>
);
