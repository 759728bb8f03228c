// What staff see over plain HTTP from another machine: why they continue over HTTPS, and what the
// browser will say first.
import type { BoxState } from "../api/box";
import { t } from "../locales/i18n";
import { ButtonLink } from "../components/button-link";
import { PageLink } from "../components/page-link";
import { PageTitle } from "../components/page-title";
import { SignedOutPage } from "../components/signed-out-page";
import { BoxWords, useAuthority } from "../features/secure/box-words";
import { secureHome } from "../features/secure/secure-home";

export function SecureStep({ state }: { state: BoxState; arg: string }) {
  const home = secureHome(state);
  const authority = useAuthority();
  return (
    <SignedOutPage box={state.box.name}>
      <div class="card sheet stack">
        <PageTitle>{t("secure.title")}</PageTitle>
        <p>{t("secure.why")}</p>
        {home ? (
          <>
            {!state.home && <BoxWords authority={authority} />}
            {!state.home && <p class="note">{t("secure.warning")}</p>}
            <ButtonLink kind="primary" big outside href={home}>
              {t("secure.go")}
            </ButtonLink>
            {!state.home && <PageLink href="/certificate">{t("secure.install")}</PageLink>}
          </>
        ) : (
          <p class="note">{t("secure.none")}</p>
        )}
        <p class="muted">
          {t("login.pupil")} <PageLink href="/">{t("login.join")}</PageLink>
        </p>
      </div>
    </SignedOutPage>
  );
}
