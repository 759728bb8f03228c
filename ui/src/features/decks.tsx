// Decks of slides: the box makes page images of PDFs and pictures.
import { useState } from "preact/hooks";
import { faultOf, type Fault } from "../core/api";
import { image } from "../core/board";
import { explain, t } from "../core/i18n";
import { Confirm, Empty, Failed, Loading, tell, tellFault, useLoad } from "../core/kit";
import { prepare, type Deck } from "../core/prepare";
import { More } from "./frame";
import { Job } from "./job";
import { NameSheet } from "./start";
import { Pick, Uploads, useDrop, useUploads } from "./upload";
import "./decks.css";

export function Decks() {
  const [list, fault, again] = useLoad(prepare.decks);
  const [ups, send] = useUploads(again);
  const over = useDrop(send);
  return (
    <section class={over ? "card stack decks over" : "card stack decks"} aria-labelledby="decks-title">
      <div class="row between"><h2 id="decks-title">{t("deck.title")}</h2><Pick take={send} label={t("deck.add")} /></div>
      <p class="muted">{t("deck.hint")}</p>
      <Uploads list={ups} />
      {fault && <Failed fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && ups.length === 0 && <Empty>{t("deck.empty")}</Empty>}
      {list && list.length > 0 && <ul class="deck-list">{list.map((d) => <Line key={d.id} deck={d} changed={again} />)}</ul>}
      {over && <p class="drop-here" aria-hidden="true"><span>{t("deck.drop")}</span></p>}
    </section>
  );
}

function Line({ deck, changed }: { deck: Deck; changed: () => void }) {
  const [open, setOpen] = useState<"rename" | "delete" | null>(null);
  const shut = () => setOpen(null);
  const first = deck.pages[0];
  return (
    <li>
      {first ? <img src={image(deck.id, first, 640)} alt="" loading="lazy" /> : <span class="deck-none" aria-hidden="true" />}
      <div class="deck-what">
        <strong><bdi>{deck.title}</bdi></strong>
        {deck.state === "ready" && <small>{t("deck.pages", { n: deck.pages.length })}</small>}
        {deck.state === "failed" && <p class="note bad">{deck.error ? explain(faultOf(deck.error)) : t("deck.failed")}</p>}
      </div>
      <More label={t("home.more", { name: deck.title })}>
        <button type="button" class="quiet" onClick={() => setOpen("rename")}>{t("home.rename")}</button>
        <button type="button" class="quiet danger" onClick={() => setOpen("delete")}>{t("home.delete")}…</button>
      </More>
      {deck.state === "making" && deck.job && <Job id={deck.job} over={changed} />}
      {open === "rename" && (
        <NameSheet title={t("home.rename")} label={t("edit.title")} yes={t("home.save")} value={deck.title} limit={120} onClose={shut}
          save={async (title) => { await prepare.renameDeck(deck.id, title); shut(); changed(); }} />
      )}
      {open === "delete" && (
        <Confirm text={t("deck.deleteAsk", { title: deck.title })} yes={t("home.delete")} onNo={shut}
          onYes={() => prepare.deleteDeck(deck.id).then(() => { tell(t("deck.deleted")); changed(); }, (f: Fault) => tellFault(f)).finally(shut)} />
      )}
    </li>
  );
}
