// The page for an address that is not one of the box.
import { state } from "../state/session";
import { ButtonLink } from "../components/button-link";
import { t } from "../locales/i18n";
import { PageTitle } from "../components/page-title";
import { SignedOutPage } from "../components/signed-out-page";

export const LostPage = () => (
  <SignedOutPage box={state.value?.box.name ?? ""}>
    <div class="card sheet stack">
      <PageTitle>{t("lost.title")}</PageTitle>
      <p>{t("lost.text")}</p>
      <ButtonLink kind="primary" big href={state.value?.me.role === "teacher" ? "/teach" : "/"}>
        {t("lost.home")}
      </ButtonLink>
    </div>
  </SignedOutPage>
);
