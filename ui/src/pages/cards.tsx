// Cards with a QR code for each pupil, to print and to cut.
import { useState } from "preact/hooks";
import { Printer, RefreshCw, Users } from "lucide";
import { api, type BoxState } from "../api/box";
import type { Fault } from "../api/http";
import { t } from "../locales/i18n";
import { Button } from "../components/button";
import { BackLink } from "../components/back-link";
import { ConfirmDialog } from "../components/confirm-dialog";
import { EmptyState } from "../components/empty-state";
import { ErrorNote, Loading, showError, showMessage } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { PageTitle } from "../components/page-title";
import { useLoad } from "../components/hooks";
import { library } from "../api/library";
import { useStaff } from "../state/use-staff";
import css from "./cards.module.css";

export function Cards({ state, arg }: { state: BoxState; arg: string }) {
  const staff = useStaff(state);
  const [list, fault, again] = useLoad(
    async () => ({ cards: await library.cards(arg), cls: (await api.classes()).find((c) => c.id === arg) }),
    [arg],
  );
  const [ask, setAsk] = useState(false);
  const [made, setMade] = useState(0);
  if (!staff) return <main id="main" />;
  return (
    <>
      <div class="no-print">
        <PageHeader state={state} />
      </div>
      <main id="main" class="page stack">
        <BackLink href="/teach">{t("home.title")}</BackLink>
        <div class="row between no-print">
          <PageTitle>{t("cards.title", { name: list?.cls?.name ?? "" })}</PageTitle>
          {!!list?.cards.length && (
            <span class="row">
              <Button icon={RefreshCw} onClick={() => setAsk(true)}>
                {t("cards.renew")}
              </Button>
              <Button kind="primary" icon={Printer} onClick={() => print()}>
                {t("cards.print")}
              </Button>
            </span>
          )}
        </div>
        <p class="muted no-print">{t("cards.hint")}</p>
        {fault && <ErrorNote fault={fault} retry={again} />}
        {!list && !fault && <Loading />}
        {list?.cards.length === 0 && <EmptyState icon={Users}>{t("cards.empty")}</EmptyState>}
        {list && (
          <ul class={css.cards} data-part="cards">
            {list.cards.map((c) => (
              <li key={c.id} class={css.card}>
                <img
                  src={`${library.cardQR(arg, c.id)}?${made}`}
                  alt={t("cards.qr", { name: c.name })}
                  width={160}
                  height={160}
                />
                <strong>
                  <bdi>{c.name}</bdi>
                </strong>
                <small>
                  <bdi>{list.cls?.name}</bdi> · <bdi>{state.box.name}</bdi>
                </small>
              </li>
            ))}
          </ul>
        )}
        {ask && (
          <ConfirmDialog
            text={t("cards.renewAsk")}
            yes={t("cards.renew")}
            onNo={() => setAsk(false)}
            onYes={() =>
              library
                .renewCards(arg)
                .then(
                  () => {
                    showMessage(t("cards.renewed"));
                    setMade(made + 1);
                    again();
                  },
                  (f: Fault) => showError(f),
                )
                .finally(() => setAsk(false))
            }
          />
        )}
      </main>
    </>
  );
}
