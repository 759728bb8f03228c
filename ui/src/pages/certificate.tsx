// How a device comes to trust the certificate of the box, for each system.
import { Download } from "lucide";
import type { BoxState } from "../api/box";
import { t } from "../locales/i18n";
import { ButtonLink } from "../components/button-link";
import { PageTitle } from "../components/page-title";
import { SignedOutPage } from "../components/signed-out-page";
import { BoxWords, useAuthority } from "../features/secure/box-words";
import { secureHome } from "../features/secure/secure-home";
import { systemOf, systems } from "../features/secure/systems";
import css from "../features/secure/box-words.module.css";

export function CertificatePage({ state }: { state: BoxState; arg: string }) {
  const authority = useAuthority();
  const here = systemOf(navigator.userAgent, navigator.maxTouchPoints);
  const home = secureHome(state, "/login");
  return (
    <SignedOutPage box={state.box.name}>
      <div class="card sheet stack">
        <PageTitle>{t("cert.title")}</PageTitle>
        {home ? (
          <>
            <p>{t("cert.what")}</p>
            <BoxWords authority={authority} />
            <ButtonLink kind="primary" big icon={Download} outside href="/ca.crt">
              {t("cert.get")}
            </ButtonLink>
            <h2>{t("cert.systems")}</h2>
            {[here, ...systems.filter((s) => s !== here)].map((s) => (
              <details key={s} open={s === here} data-system={s}>
                <summary>{t(`cert.${s}.name`)}</summary>
                <ol class={css.steps}>
                  {[1, 2, 3].map((n) => (
                    <li key={n}>{t(`cert.${s}.${n}`)}</li>
                  ))}
                </ol>
              </details>
            ))}
            <p class="muted">{t("cert.school")}</p>
            {authority?.sha256 && (
              <details>
                <summary>{t("cert.sha256")}</summary>
                <p class={css.digits} dir="ltr">
                  {authority.sha256}
                </p>
              </details>
            )}
            <ButtonLink outside href={home}>
              {t("secure.go")}
            </ButtonLink>
          </>
        ) : (
          <p class="note">{t("cert.off")}</p>
        )}
      </div>
    </SignedOutPage>
  );
}
