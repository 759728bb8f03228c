// What a pupil sees of the board: the shown surface, or any page while the teacher lets
// the class browse.
import { useEffect, useState } from "preact/hooks";
import { Button } from "../../components/button";
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import { BoardSurface } from "./board-surface";
import { ZoomView } from "./zoom-view";
import css from "./pupil-board.module.css";

export function PupilBoard({ room }: { room: Room }) {
  const b = room.board;
  const shown = b.page.value;
  const free = !b.follow.value && !!shown && b.deck.value === shown.deck && b.pages.value.length > 0;
  const [own, setOwn] = useState<number | null>(null);
  useEffect(() => setOwn(null), [b.surface.value, b.follow.value]);
  const index = own ?? shown?.index ?? 0;
  const surface = free ? `d:${shown.deck}:${index}` : b.surface.value;
  useEffect(() => b.look(surface), [surface]);
  if (!b.surface.value) return null;
  const page = free ? { ...b.pages.value[index]!, deck: shown.deck, index, of: b.pages.value.length } : shown;
  return (
    <section aria-label={t("board.title")}>
      <ZoomView key={surface}>
        <BoardSurface room={room} surface={surface} page={page} width={Math.min(innerWidth * devicePixelRatio, 1920)} />
      </ZoomView>
      {free && (
        <div class={css.browse}>
          <Button disabled={index === 0} onClick={() => setOwn(index - 1)}>
            {t("quiz.back")}
          </Button>
          <span class="muted">{t("board.page", { i: index + 1, of: b.pages.value.length })}</span>
          <Button disabled={index >= b.pages.value.length - 1} onClick={() => setOwn(index + 1)}>
            {t("quiz.next")}
          </Button>
        </div>
      )}
    </section>
  );
}
