// What a pupil sees of the board: the shown surface, or any page while the teacher lets
// the class browse.
import { useEffect, useState } from "preact/hooks";
import { t } from "../core/i18n";
import type { Room } from "../core/room";
import { Surface } from "./board";

export function View({ room }: { room: Room }) {
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
    <section class="view" aria-label={t("board.title")}>
      <Surface room={room} surface={surface} page={page} width={Math.min(innerWidth * devicePixelRatio, 1280)} />
      {free && (
        <div class="browse">
          <button type="button" disabled={index === 0} onClick={() => setOwn(index - 1)}>{t("quiz.back")}</button>
          <span class="muted">{t("board.page", { i: index + 1, of: b.pages.value.length })}</span>
          <button type="button" disabled={index >= b.pages.value.length - 1} onClick={() => setOwn(index + 1)}>{t("quiz.next")}</button>
        </div>
      )}
    </section>
  );
}
