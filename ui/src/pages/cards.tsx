// Cards with a QR code for each pupil, to print and to cut.
import { useState } from "preact/hooks";
import { api, type Fault, type State } from "../core/api";
import { t } from "../core/i18n";
import { A, Confirm, Empty, Failed, Loading, Title, tell, tellFault, useLoad } from "../core/kit";
import { prepare } from "../core/prepare";
import { useStaff } from "../features/frame";
import "./cards.css";

export function Cards({ state, arg }: { state: State; arg: string }) {
  const staff = useStaff(state);
  const [list, fault, again] = useLoad(async () => ({ cards: await prepare.cards(arg), cls: (await api.classes()).find((c) => c.id === arg) }), [arg]);
  const [ask, setAsk] = useState(false);
  const [made, setMade] = useState(0);
  if (!staff) return <main id="main" />;
  return (
    <main id="main" class="page stack cards-page">
      <div class="row between no-print">
        <Title>{t("cards.title", { name: list?.cls?.name ?? "" })}</Title>
        <span class="row"><A class="button" href="/teach">{t("edit.done")}</A><button type="button" onClick={() => setAsk(true)}>{t("cards.renew")}</button><button type="button" class="primary" onClick={() => print()}>{t("cards.print")}</button></span>
      </div>
      <p class="muted no-print">{t("cards.hint")}</p>
      {fault && <Failed fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.cards.length === 0 && <Empty>{t("home.listEmpty")}</Empty>}
      {list && <ul class="print-cards">{list.cards.map((c) => (
        <li key={c.id}><img src={`${prepare.cardQR(arg, c.id)}?${made}`} alt={t("cards.qr", { name: c.name })} width={160} height={160} /><strong><bdi>{c.name}</bdi></strong><small><bdi>{list.cls?.name}</bdi> · <bdi>{state.box.name}</bdi></small></li>
      ))}</ul>}
      {ask && <Confirm text={t("cards.renewAsk")} yes={t("cards.renew")} onNo={() => setAsk(false)}
        onYes={() => prepare.renewCards(arg).then(() => { tell(t("cards.renewed")); setMade(made + 1); again(); }, (f: Fault) => tellFault(f)).finally(() => setAsk(false))} />}
    </main>
  );
}
