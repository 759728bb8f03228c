// The strip of pages and whiteboards. A page that is pressed goes to the class at once; slides that
// come into the lesson are a preview first.
import { useState } from "preact/hooks";
import { EyeOff, Images, Plus, Presentation, Upload } from "lucide";
import { call, type Fault } from "../../api/http";
import { library } from "../../api/library";
import { Button } from "../../components/button";
import { Sheet } from "../../components/dialog";
import { EmptyState } from "../../components/empty-state";
import { ErrorNote, showError, showMessage } from "../../components/feedback";
import { FilePicker, UploadList, useFileDrop, useUploads } from "../../components/file-upload";
import { useLoad } from "../../components/hooks";
import { Icon } from "../../components/icon";
import { JobProgress } from "../../components/job-progress";
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import { imageURL } from "../../state/whiteboard";
import type { Preview } from "./whiteboard-editor";
import { listUndrawn } from "./undrawn";
import css from "./slide-strip.module.css";

interface Props {
  room: Room;
  preview: Preview | null;
  onPreview: (preview: Preview) => void;
}

// addDeck brings a deck of the box into the lesson. The class sees nothing of it yet.
const addDeck = (room: Room, deck: string, onPreview: Props["onPreview"]) =>
  call("POST", `/api/lessons/${encodeURIComponent(room.lesson.value.id)}/deck`, { deck }).then(
    () => onPreview({ deck, index: 0 }),
    (f: Fault) => showError(f),
  );

// warnUndrawn says which pages of a new deck have letters that nothing draws.
const warnUndrawn = (id: string) =>
  library.decks().then((list) => {
    const told = listUndrawn(list.find((d) => d.id === id));
    if (told) showMessage(told, undefined, true);
  }, showError);

export function SlideStrip({ room, preview, onPreview }: Props) {
  const b = room.board;
  const surface = b.surface.value;
  const [making, setMaking] = useState<{ deck: string; job: string }[]>([]);
  const [ups, send] = useUploads((d) => d.job && setMaking((l) => [...l, { deck: d.id, job: d.job! }]));
  const [shelf, setShelf] = useState(false);
  const over = useFileDrop(send);
  const turn = (to: string) => room.send("board.show", { surface: to });
  return (
    <section class={over ? `${css.strip} ${css.over}` : css.strip} aria-label={t("board.strip")} data-part="strip">
      <UploadList list={ups} />
      {making.map((m) => (
        <JobProgress
          key={m.job}
          id={m.job}
          over={(j) => {
            if (j.state !== "done") return;
            setMaking((l) => l.filter((x) => x.job !== m.job));
            void addDeck(room, m.deck, onPreview);
            void warnUndrawn(m.deck);
          }}
        />
      ))}
      <div class={css.items}>
        {b.decks.value.map((d) => (
          <div key={d.deck} class={css.thumbs} data-part="thumbs" role="group" aria-label={d.title}>
            {d.pages.map((p, i) => (
              <button
                key={p.key}
                type="button"
                class={preview?.deck === d.deck && preview.index === i ? `${css.thumb} ${css.looked}` : css.thumb}
                aria-pressed={surface === `d:${d.deck}:${i}`}
                aria-label={t("board.show", { i: i + 1, title: d.title })}
                onClick={() => turn(`d:${d.deck}:${i}`)}
              >
                <img src={imageURL(d.deck, p, 320)} width={p.w} height={p.h} alt="" loading="lazy" />
                <span>{i + 1}</span>
              </button>
            ))}
          </div>
        ))}
        {Array.from({ length: b.boards.value }, (_, i) => (
          <button
            key={i}
            type="button"
            class={`${css.thumb} ${css.blank}`}
            aria-pressed={surface === `w:${i + 1}`}
            aria-label={t("board.whiteN", { n: i + 1 })}
            title={t("board.whiteN", { n: i + 1 })}
            onClick={() => turn(`w:${i + 1}`)}
          >
            <Icon icon={Presentation} />
            <span>{i + 1}</span>
          </button>
        ))}
      </div>
      <div class={css.tools}>
        <Button kind="quiet" icon={Plus} onClick={() => turn(`w:${b.boards.value + 1}`)}>
          {t("board.new")}
        </Button>
        <FilePicker take={send} label={t("board.add")} icon={Upload} />
        <Button kind="quiet" icon={Images} onClick={() => setShelf(true)}>
          {t("board.decks")}
        </Button>
        {surface && (
          <Button kind="quiet" icon={EyeOff} onClick={() => turn("")}>
            {t("board.hide")}
          </Button>
        )}
      </div>
      {shelf && <Shelf room={room} onPreview={onPreview} onClose={() => setShelf(false)} />}
    </section>
  );
}

// Shelf is the decks of the box that are not in the lesson yet.
function Shelf({ room, onPreview, onClose }: Omit<Props, "preview"> & { onClose: () => void }) {
  const [list, fault, again] = useLoad(() => library.decks(), [room.lesson.value.id]);
  const rest = list?.filter((d) => d.state === "ready" && !room.board.decks.value.some((x) => x.deck === d.id));
  return (
    <Sheet title={t("board.decks")} onClose={onClose}>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {rest?.length === 0 && <EmptyState icon={Images}>{t("board.noDecks")}</EmptyState>}
      <ul class={css.shelf}>
        {rest?.map((d) => (
          <li key={d.id}>
            {d.pages[0] && <img src={imageURL(d.id, d.pages[0], 320)} alt="" loading="lazy" />}
            <bdi>{d.title}</bdi>
            <Button
              label={t("board.takeOne", { title: d.title })}
              onClick={() => {
                void addDeck(room, d.id, onPreview);
                onClose();
              }}
            >
              {t("board.take")}
            </Button>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}
