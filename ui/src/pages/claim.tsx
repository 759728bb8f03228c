// Making a new box one's own, in three short screens: the language, the names and the
// PIN, the class. Then the first lesson is ready on the home page.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { BoxState } from "../api/box";
import { lang, t } from "../locales/i18n";
import { ButtonLink } from "../components/button-link";
import { GuideLink } from "../components/guide-link";
import { PageTitle } from "../components/page-title";
import { go } from "../state/router";
import { FirstClass } from "../features/setup/first-class";
import { codeOfLink } from "../features/setup/code-of-link";
import { LanguageStep, OwnerStep, type Typed } from "../features/setup/setup-steps";
import { SignedOutPage } from "../components/signed-out-page";
import css from "./claim.module.css";

export function Claim({ state }: { state: BoxState; arg: string }) {
  const [step, setStep] = useState(1);
  const [typed, setTyped] = useState<Typed>({ code: codeOfLink(location.hash), box: "", name: "", pin: "", again: "" });
  const here = useRef<HTMLDivElement>(null);
  const first = useRef(true);
  useLayoutEffect(() => {
    // Each step begins at its first field, before anybody types; the page itself begins there too.
    here.current
      ?.querySelector<HTMLElement>("input:checked, input:not([type=radio]), textarea")
      ?.focus({ preventScroll: first.current });
    first.current = false;
    if (step > 1) scrollTo(0, 0);
  }, [step]);
  useEffect(() => {
    if (location.hash) history.replaceState(null, "", location.pathname); // the code is a secret until it is used
  }, []);
  const put = (field: keyof Typed) => (v: string) => setTyped((was) => ({ ...was, [field]: v }));

  if (state.box.claimed && step < 3) {
    return (
      <SignedOutPage box={state.box.name}>
        <div class="card sheet stack">
          <PageTitle>{t("claim.takenTitle")}</PageTitle>
          <p>{t("claim.taken", { box: state.box.name })}</p>
          {state.me.role === "teacher" ? (
            <ButtonLink kind="primary" big href="/teach">
              {t("claim.toClasses")}
            </ButtonLink>
          ) : (
            <ButtonLink kind="primary" big href="/login">
              {t("claim.toLogin")}
            </ButtonLink>
          )}
        </div>
      </SignedOutPage>
    );
  }
  return (
    <SignedOutPage box="">
      <div class="card sheet stack" ref={here}>
        <Steps now={step} />
        {step === 1 && <LanguageStep next={() => setStep(2)} />}
        {step === 1 && (
          <p>
            <GuideLink />
          </p>
        )}
        {step === 2 && <OwnerStep typed={typed} put={put} back={() => setStep(1)} next={() => setStep(3)} />}
        {step === 3 && <FirstClass ready={() => go("/teach", true)} />}
      </div>
    </SignedOutPage>
  );
}

function Steps({ now }: { now: number }) {
  return (
    <ol class={css.steps} aria-label={t("claim.steps")}>
      {[1, 2, 3].map((n) => (
        <li
          key={n}
          class={n < now ? css.done : n === now ? css.now : undefined}
          aria-current={n === now ? "step" : undefined}
        >
          <span class={css.number} aria-hidden="true">
            {n < now ? "✓" : new Intl.NumberFormat(lang.value).format(n)}
          </span>
          <span>{t(`claim.step${n}`)}</span>
          {n < now && <span class="visually-hidden">{t("claim.done")}</span>}
        </li>
      ))}
    </ol>
  );
}
