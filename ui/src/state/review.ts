// The questions of a lesson that were revealed, with my answers, for the end of the lesson. The tab
// keeps them over a reload and forgets them when it is closed.
import { effect, signal } from "@preact/signals";
import type { Quiz, Response, Revealed } from "./quiz";
import type { Item } from "../contract";

export interface Reviewed {
  item: Item;
  mine?: Response;
  key: Revealed;
  mark?: number; // 0 to 1
}

// collectReview follows a quiz until stop is called. place is where the tab keeps the list.
export function collectReview(quiz: Quiz, place: string) {
  const list = signal<Reviewed[]>(read(place));
  const stop = effect(() => {
    const told = quiz.told.value;
    const round = quiz.round.value;
    const mine = quiz.mine.value;
    if (!told?.keys || !round) return;
    const fresh: Reviewed[] = [];
    for (const item of round.items) {
      const key = told.keys[item.id];
      if (key && item.kind !== "slide") fresh.push({ item, key, mine: mine[item.id], mark: told.mine?.[item.id] });
    }
    const ids = new Set(fresh.map((r) => r.item.id));
    const next = [...list.peek().filter((r) => !ids.has(r.item.id)), ...fresh];
    list.value = next;
    try {
      sessionStorage.setItem(place, JSON.stringify(next));
    } catch {
      // a full or private store: the list lasts as long as the page
    }
  });
  return { list, stop };
}

function read(place: string): Reviewed[] {
  try {
    const got: unknown = JSON.parse(sessionStorage.getItem(place) ?? "[]");
    return Array.isArray(got) ? got : [];
  } catch {
    return [];
  }
}
