// Decks of slides: dropped or picked, made into page images by the box.
import { useEffect, useRef, useState } from "preact/hooks";
import { faultOf, type Fault } from "../core/api";
import { image } from "../core/board";
import { explain, t } from "../core/i18n";
import { Confirm, Empty, Failed, Loading, tell, tellFault, useLoad } from "../core/kit";
import { prepare, type Deck } from "../core/prepare";
import { Job } from "./job";
import "./decks.css";

const types = "application/pdf,image/png,image/jpeg,image/gif,image/webp,.pdf";

// useDrop takes files that are dropped anywhere on the page.
export function useDrop(take: (files: File[]) => void): boolean {
  const [over, setOver] = useState(false);
  const taker = useRef(take);
  taker.current = take;
  useEffect(() => {
    const has = (e: DragEvent) => e.dataTransfer?.types.includes("Files");
    const on = (e: DragEvent) => {
      if (!has(e)) return;
      e.preventDefault();
      setOver(true);
    };
    const off = (e: DragEvent) => !e.relatedTarget && setOver(false);
    const drop = (e: DragEvent) => {
      if (!has(e)) return;
      e.preventDefault();
      setOver(false);
      taker.current([...(e.dataTransfer?.files ?? [])]);
    };
    addEventListener("dragover", on);
    addEventListener("dragleave", off);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", on);
      removeEventListener("dragleave", off);
      removeEventListener("drop", drop);
    };
  }, []);
  return over;
}

// useUploads sends files one after the other and tells when one is on the box.
export function useUploads(there: (d: Deck) => void): [{ name: string; part: number }[], (files: File[]) => void] {
  const [list, setList] = useState<{ name: string; part: number }[]>([]);
  const send = async (files: File[]) => {
    for (const file of files) {
      const set = (part: number) => setList((l) => [...l.filter((u) => u.name !== file.name), { name: file.name, part }]);
      set(0);
      try {
        there((await prepare.addDeck(file, set)).deck);
      } catch (f) {
        tellFault(f as Fault);
      }
      setList((l) => l.filter((u) => u.name !== file.name));
    }
  };
  return [list, (files) => void send(files)];
}

export const Uploads = ({ list }: { list: { name: string; part: number }[] }) => (
  <>{list.map((u) => <p key={u.name} class="upload" role="status"><bdi>{u.name}</bdi> <progress max={1} value={u.part} aria-label={t("deck.uploading")} /></p>)}</>
);

// Pick is the button for who does not drag.
export function Pick({ take, label, accept = types, multiple = true }: { take: (files: File[]) => void; label: string; accept?: string; multiple?: boolean }) {
  const ref = useRef<HTMLInputElement>(null);
  return (
    <>
      <input ref={ref} class="visually-hidden" type="file" accept={accept} multiple={multiple} tabIndex={-1} aria-hidden="true"
        onChange={(e) => { take([...(e.currentTarget.files ?? [])]); e.currentTarget.value = ""; }} />
      <button type="button" onClick={() => ref.current?.click()}>{label}</button>
    </>
  );
}

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
      {list?.length === 0 && <Empty>{t("deck.empty")}</Empty>}
      {list && list.length > 0 && <ul class="deck-list">{list.map((d) => <Line key={d.id} deck={d} changed={again} />)}</ul>}
    </section>
  );
}

function Line({ deck, changed }: { deck: Deck; changed: () => void }) {
  const [ask, setAsk] = useState(false);
  const first = deck.pages[0];
  return (
    <li>
      {first ? <img src={image(deck.id, first, 320)} alt="" loading="lazy" /> : <span class="deck-none" aria-hidden="true" />}
      <div class="deck-what">
        <strong><bdi>{deck.title}</bdi></strong>
        {deck.state === "ready" && <span class="muted">{t("deck.pages", { n: deck.pages.length })}</span>}
        {deck.state === "making" && deck.job && <Job id={deck.job} over={changed} />}
        {deck.state === "failed" && <span class="note bad">{deck.error ? explain(faultOf(deck.error)) : t("deck.failed")}</span>}
      </div>
      <button type="button" class="quiet danger" aria-label={t("deck.delete", { title: deck.title })} onClick={() => setAsk(true)}>✕</button>
      {ask && <Confirm text={t("deck.deleteAsk", { title: deck.title })} yes={t("home.delete")} onNo={() => setAsk(false)}
        onYes={() => prepare.deleteDeck(deck.id).then(() => { tell(t("deck.deleted")); changed(); }, (f: Fault) => tellFault(f)).finally(() => setAsk(false))} />}
    </li>
  );
}
