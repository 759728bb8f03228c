// The quizzes on the box: made here, or brought in as GIFT.
import { useState } from "preact/hooks";
import type { Fault } from "../core/api";
import { t } from "../core/i18n";
import { A, Confirm, Empty, Failed, Loading, tell, tellFault, useLoad } from "../core/kit";
import { prepare, type GiftProblem, type Summary } from "../core/prepare";
import { go } from "../core/router";
import { Sheet } from "../pages/home";
import { Pick } from "./decks";

export function Quizzes() {
  const [list, fault, again] = useLoad(prepare.quizzes);
  const [gift, setGift] = useState(false);
  const make = () => prepare.addQuiz({ title: t("quizzes.untitled") }).then((q) => go(`/quiz/${q.id}`), (f: Fault) => tellFault(f));
  return (
    <section class="card stack" aria-labelledby="quizzes-title">
      <div class="row between">
        <h2 id="quizzes-title">{t("quizzes.title")}</h2>
        <span class="row"><button type="button" onClick={() => void make()}>{t("quizzes.new")}</button><button type="button" onClick={() => setGift(true)}>{t("quizzes.gift")}</button></span>
      </div>
      {fault && <Failed fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && <Empty>{t("quizzes.empty")}</Empty>}
      {list && list.length > 0 && <ul class="stack tight">{list.map((q) => <Line key={q.id} q={q} changed={again} />)}</ul>}
      {gift && <Gift close={() => setGift(false)} />}
    </section>
  );
}

function Line({ q, changed }: { q: Summary; changed: () => void }) {
  const [ask, setAsk] = useState(false);
  return (
    <li class="row between nowrap">
      <span><A href={`/quiz/${encodeURIComponent(q.id)}`}><bdi>{q.title}</bdi></A> <small>{t("quizzes.count", { n: q.count })}</small></span>
      <button type="button" class="quiet danger" aria-label={t("quizzes.delete", { title: q.title })} onClick={() => setAsk(true)}>✕</button>
      {ask && <Confirm text={t("quizzes.deleteAsk", { title: q.title })} yes={t("home.delete")} onNo={() => setAsk(false)}
        onYes={() => prepare.deleteQuiz(q.id).then(() => { tell(t("quizzes.deleted")); changed(); }, (f: Fault) => tellFault(f)).finally(() => setAsk(false))} />}
    </li>
  );
}

function Gift({ close }: { close: () => void }) {
  const [text, setText] = useState("");
  const [title, setTitle] = useState("");
  const [got, setGot] = useState<{ n: number; problems: GiftProblem[] } | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const file = async (f: File) => {
    setText(await f.text());
    setTitle((was) => was || f.name.replace(/\.[^.]+$/, ""));
    setGot(null);
  };
  const send = async (dry: boolean) => {
    setFault(null);
    try {
      const r = await prepare.gift(title.trim() || t("quizzes.untitled"), text, dry);
      if (r.quiz) return go(`/quiz/${r.quiz.id}`);
      setGot({ n: r.items.length, problems: r.problems });
    } catch (e) {
      setFault(e as Fault);
    }
  };
  return (
    <Sheet title={t("quizzes.gift")} onClose={close} wide>
      <div class="stack">
        <label class="field"><span>{t("edit.title")}</span><input type="text" value={title} maxLength={120} onInput={(e) => setTitle(e.currentTarget.value)} /></label>
        <label class="field"><span>{t("quizzes.giftText")}</span><textarea rows={10} dir="auto" spellcheck={false} value={text} onInput={(e) => { setText(e.currentTarget.value); setGot(null); }} /></label>
        <div class="row"><Pick take={(l) => l[0] && void file(l[0])} label={t("intake.pick")} accept=".gift,.txt,text/plain" multiple={false} />
          <button type="button" disabled={!text.trim()} onClick={() => void send(true)}>{t("quizzes.look")}</button>
          <button type="button" class="primary" disabled={!got || got.n === 0} onClick={() => void send(false)}>{t("quizzes.take", { n: got?.n ?? 0 })}</button></div>
        {fault && <Failed fault={fault} />}
        {got && <p role="status">{t("quizzes.found", { n: got.n })}</p>}
        {got && got.problems.length > 0 && <ul class="problems">{got.problems.map((p) => <li key={`${p.line}${p.code}`}><strong>{t("home.paste.line", { line: p.line })}</strong> <bdi class="mono">{p.text}</bdi>: {p.message}</li>)}</ul>}
      </div>
    </Sheet>
  );
}
