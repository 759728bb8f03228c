// Questions in GIFT, pasted or from a file: looked at first, then taken.
import { useState } from "preact/hooks";
import type { Fault } from "../core/api";
import { t } from "../core/i18n";
import { Failed, maybe } from "../core/kit";
import { prepare, type GiftProblem } from "../core/prepare";
import type { Authored } from "../core/quiz";
import { go } from "../core/router";
import { Sheet } from "./frame";
import { Problems } from "./names";
import { Pick } from "./upload";

// Gift makes a new quiz; with take it gives the questions to whoever asked.
export function Gift({ close, take }: { close: () => void; take?: (items: Authored[]) => void }) {
  const [text, setText] = useState("");
  const [title, setTitle] = useState("");
  const [got, setGot] = useState<{ items: Authored[]; problems: GiftProblem[] } | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const [busy, setBusy] = useState(false);
  const put = (v: string) => {
    setText(v);
    setGot(null);
    setFault(null);
  };
  const ask = async (text: string, dry: boolean) => {
    setFault(null);
    setBusy(true);
    try {
      const r = await prepare.gift(title.trim() || t("quizzes.untitled"), text, dry);
      if (r.quiz) return go(`/quiz/${encodeURIComponent(r.quiz.id)}`);
      setGot(r);
    } catch (e) {
      setFault(e as Fault);
    } finally {
      setBusy(false);
    }
  };
  const file = async (f: File) => {
    const v = await f.text();
    put(v);
    setTitle((was) => was || f.name.replace(/\.[^.]+$/, "").slice(0, 120));
    await ask(v, true);
  };
  const n = got?.items.length ?? 0;
  return (
    <Sheet title={t("quizzes.gift")} onClose={close} wide>
      <div class="stack">
        {!take && <div class="field"><label for="gift-title">{t("edit.title")}</label><input id="gift-title" type="text" value={title} maxLength={120} autoComplete="off" onInput={(e) => setTitle(e.currentTarget.value)} /></div>}
        <div class="field">
          <label for="gift-text">{t("quizzes.giftText")}</label>
          <textarea id="gift-text" class="mono" rows={10} dir="auto" spellcheck={false} value={text} placeholder={"2 + 2 = ? {=4 ~3 ~5}"} onInput={(e) => put(e.currentTarget.value)} />
        </div>
        <div class="row">
          <Pick take={(l) => l[0] && void file(l[0])} label={t("intake.pick")} accept=".gift,.txt,text/plain" multiple={false} />
          <button type="button" class={got ? "" : "primary"} disabled={busy || !text.trim()} onClick={() => void ask(text, true)}>{t("quizzes.look")}</button>
        </div>
        <div class="stack" aria-live="polite">
          {fault && <Failed fault={fault} />}
          {got && <p>{t("quizzes.found", { n })}</p>}
          {got && <Problems list={got.problems} why={(code) => maybe(`gift.${code}`) || maybe(`edit.err.${code}`)} />}
        </div>
        {got && n > 0 && (
          <>
            <ol class="gift-found">{got.items.map((item, i) => <li key={i}><bdi>{item.text}</bdi> <small>{t(`edit.kind.${item.kind}`)}</small></li>)}</ol>
            <div><button type="button" class="primary" disabled={busy} onClick={() => (take ? take(got.items) : void ask(text, false))}>{t("quizzes.take", { n })}</button></div>
          </>
        )}
      </div>
    </Sheet>
  );
}
