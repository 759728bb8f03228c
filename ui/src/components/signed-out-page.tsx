import { mark } from "./brand";
import { Icon } from "./icon";
import { LanguageChoice } from "./language-choice";
import "./signed-out-page.css";

// SignedOutPage is the frame of the pages for those who are not signed in.
export function SignedOutPage({ box, children }: { box: string; children: preact.ComponentChildren }) {
  return (
    <div class="front">
      <header class="topbar">
        <span class="logo">
          <Icon icon={mark} />
          LiveLearn
        </span>
        {box && (
          <span class="muted topbar-box">
            <bdi>{box}</bdi>
          </span>
        )}
        <span class="grow" />
        <LanguageChoice />
      </header>
      <main id="main" class="front-main">
        {children}
      </main>
    </div>
  );
}
