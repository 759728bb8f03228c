// Cards with a QR code for each pupil, to print and to cut.
import { useState } from "preact/hooks";
import { api, type BoxState } from "../api/box";
import type { Fault } from "../api/http";
import { t } from "../locales/i18n";
import { PageLink } from "../components/page-link";
import { ConfirmDialog } from "../components/confirm-dialog";
import { EmptyNote, ErrorNote, Loading, showError, showMessage } from "../components/feedback";
import { PageTitle } from "../components/page-title";
import { useLoad } from "../components/hooks";
import { library } from "../api/library";
import { useStaff } from "../state/use-staff";
import "./cards.css";

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
    <main id="main" class="page stack cards-page">
      <div class="row between no-print">
        <PageTitle>{t("cards.title", { name: list?.cls?.name ?? "" })}</PageTitle>
        <span class="row">
          <PageLink class="button" href="/teach">
            {t("edit.done")}
          </PageLink>
          <button type="button" onClick={() => setAsk(true)}>
            {t("cards.renew")}
          </button>
          <button type="button" class="primary" onClick={() => print()}>
            {t("cards.print")}
          </button>
        </span>
      </div>
      <p class="muted no-print">{t("cards.hint")}</p>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.cards.length === 0 && <EmptyNote>{t("home.listEmpty")}</EmptyNote>}
      {list && (
        <ul class="print-cards">
          {list.cards.map((c) => (
            <li key={c.id}>
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
  );
}
