// Decks of slides: the box makes page images of PDFs and pictures.
import { useState } from "preact/hooks";
import { Pencil, Trash2, Upload } from "lucide";
import { type Fault, faultOf } from "../../api/http";
import { imageURL } from "../../state/whiteboard";
import { explain, t } from "../../locales/i18n";
import { ConfirmDialog } from "../../components/confirm-dialog";
import { EmptyNote, ErrorNote, Loading, showError, showMessage } from "../../components/feedback";
import { useLoad } from "../../components/hooks";
import { type Deck, library } from "../../api/library";
import { listUndrawn } from "./undrawn";
import { Menu } from "../../components/menu";
import { JobProgress } from "../../components/job-progress";
import { NameDialog } from "../../components/name-dialog";
import { FilePicker, UploadList, useFileDrop, useUploads } from "../../components/file-upload";
import css from "./deck-list.module.css";

export function DeckList() {
  const [list, fault, again] = useLoad(library.decks);
  const [ups, send] = useUploads(again);
  const over = useFileDrop(send);
  return (
    <section class="card stack" data-part="decks" aria-labelledby="decks-title">
      <div class="row between">
        <h2 id="decks-title">{t("deck.title")}</h2>
        <FilePicker take={send} label={t("deck.add")} icon={Upload} />
      </div>
      <p class="muted">{t("deck.hint")}</p>
      <UploadList list={ups} />
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!list && !fault && <Loading />}
      {list?.length === 0 && ups.length === 0 && <EmptyNote>{t("deck.empty")}</EmptyNote>}
      {list && list.length > 0 && (
        <ul class={css.list}>
          {list.map((d) => (
            <Line key={d.id} deck={d} changed={again} />
          ))}
        </ul>
      )}
      {over && (
        <p class={css.drop} aria-hidden="true">
          <span>{t("deck.drop")}</span>
        </p>
      )}
    </section>
  );
}

// UndrawnNote names the pages with letters that neither the file nor the box has in a font.
function UndrawnNote({ deck }: { deck: Deck }) {
  const told = listUndrawn(deck);
  return told && <p class="note warn">{told}</p>;
}

function Line({ deck, changed }: { deck: Deck; changed: () => void }) {
  const [open, setOpen] = useState<"rename" | "delete" | null>(null);
  const shut = () => setOpen(null);
  const first = deck.pages[0];
  return (
    <li>
      {first ? (
        <img src={imageURL(deck.id, first, 640)} alt="" loading="lazy" />
      ) : (
        <span class={css.none} aria-hidden="true" />
      )}
      <div class={css.what}>
        <strong>
          <bdi>{deck.title}</bdi>
        </strong>
        {deck.state === "ready" && <small>{t("deck.pages", { n: deck.pages.length })}</small>}
        <UndrawnNote deck={deck} />
        {deck.state === "failed" && (
          <p class="note bad">{deck.error ? explain(faultOf(deck.error)) : t("deck.failed")}</p>
        )}
      </div>
      <Menu
        label={t("home.more", { name: deck.title })}
        items={[
          { label: t("home.rename"), icon: Pencil, onSelect: () => setOpen("rename") },
          { label: `${t("home.delete")}…`, icon: Trash2, danger: true, onSelect: () => setOpen("delete") },
        ]}
      />
      {deck.state === "making" && deck.job && <JobProgress id={deck.job} over={changed} />}
      {open === "rename" && (
        <NameDialog
          title={t("home.rename")}
          label={t("edit.title")}
          yes={t("home.save")}
          value={deck.title}
          limit={120}
          onClose={shut}
          save={async (title) => {
            await library.renameDeck(deck.id, title);
            shut();
            changed();
          }}
        />
      )}
      {open === "delete" && (
        <ConfirmDialog
          text={t("deck.deleteAsk", { title: deck.title })}
          yes={t("home.delete")}
          onNo={shut}
          onYes={() =>
            library
              .deleteDeck(deck.id)
              .then(
                () => {
                  showMessage(t("deck.deleted"));
                  changed();
                },
                (f: Fault) => showError(f),
              )
              .finally(shut)
          }
        />
      )}
    </li>
  );
}
