// Letters of slides that nothing draws.
import type { Deck } from "../../api/library";
import { dateLocale, t } from "../../locales/i18n";

const maxPages = 8; // that are named

// listUndrawn names the pages of a deck with letters that are not drawn, or returns undefined.
export function listUndrawn(deck?: Deck): string | undefined {
  const places = (deck?.pages ?? []).flatMap((p, i) => (p.undrawn ? [{ page: i + 1, letters: p.undrawn }] : []));
  if (places.length === 0) return undefined;
  const named = places.slice(0, maxPages).map((p) => String(p.page));
  const rest = places.length - named.length;
  const pages = new Intl.ListFormat(dateLocale()).format(rest > 0 ? [...named, `+${rest}`] : named);
  const letters = [...new Set(places.flatMap((p) => [...p.letters]))].slice(0, 12).join(" ");
  return t("deck.undrawn", { n: places.length, pages, letters });
}
