// The quizzes on the box: made here, or brought in as GIFT.
import { useState } from "preact/hooks";
import type { Fault } from "../core/api";
import { t } from "../core/i18n";
import { A, Confirm, Empty, Failed, Loading, tell, tellFault, useLoad } from "../core/kit";
import { prepare, type Summary } from "../core/prepare";
import { go } from "../core/router";
import { More } from "./frame";
import { Gift } from "./gift";

export function Quizzes() {
  const [list, fault, again] = useLoad(prepare.quizzes);
  const [gift, setGift] = useState(false);
  const make = () => prepare.addQuiz({ title: t("quizzes.untitled") }).then((q) => go(`/quiz/${encodeURIComponent(q.id)}`), (f: Fault) => tellFault(f));
  return (
    <section class="card stack" aria-labelledby="quizzes-title">
      <div class="row between">
        <h2 id="quizzes-title">{t("quizzes.title")}</h2>
        <span class="row"><button type="button" onClick={() => void make()}>{t("quizzes.new")}</button><button type="button" onClick={() => setGift(true)}>{t("quizzes.gift")}</button></span>
      </div>
      {fault && <Failed fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && <Empty>{t("quizzes.empty")}</Empty>}
      {list && list.length > 0 && <ul class="shelf-list">{list.map((q) => <Line key={q.id} q={q} changed={again} />)}</ul>}
      {gift && <Gift close={() => setGift(false)} />}
    </section>
  );
}

function Line({ q, changed }: { q: Summary; changed: () => void }) {
  const [ask, setAsk] = useState(false);
  return (
    <li>
      <A class="shelf-link" href={`/quiz/${encodeURIComponent(q.id)}`}>
        <strong><bdi>{q.title}</bdi></strong>
        <small>{t("quizzes.count", { n: q.count })}</small>
      </A>
      <More label={t("home.more", { name: q.title })}>
        <a class="button quiet" href={prepare.giftFile(q.id)} download>{t("edit.export")}</a>
        <button type="button" class="quiet danger" onClick={() => setAsk(true)}>{t("home.delete")}…</button>
      </More>
      {ask && <Confirm text={t("quizzes.deleteAsk", { title: q.title })} yes={t("home.delete")} onNo={() => setAsk(false)}
        onYes={() => prepare.deleteQuiz(q.id).then(() => { tell(t("quizzes.deleted")); changed(); }, (f: Fault) => tellFault(f)).finally(() => setAsk(false))} />}
    </li>
  );
}
