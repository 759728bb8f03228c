import { LanguageChoice } from "./language-choice";
import { TopBar } from "./top-bar";
import css from "./signed-out-page.module.css";

// SignedOutPage is the frame of the pages for those who are not signed in.
export function SignedOutPage({ box, children }: { box: string; children: preact.ComponentChildren }) {
  return (
    <>
      <TopBar box={box}>
        <LanguageChoice />
      </TopBar>
      <main id="main" class={css.main}>
        {children}
      </main>
    </>
  );
}
