import { signal } from "@preact/signals";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { keepWithin, zoomAt } from "../features/whiteboard/zoom-view";
import type { Entry } from "./port";
import { Quiz } from "./quiz";
import { collectReview } from "./review";
import { fact } from "./test-facts";

const store = new Map<string, string>();
vi.stubGlobal("sessionStorage", {
  getItem: (k: string) => store.get(k) ?? null,
  setItem: (k: string, v: string) => void store.set(k, v),
});

function setUp() {
  const room = {
    me: signal({ user: "p_1", role: "pupil" }),
    outbox: signal<Entry[]>([]),
    now: () => 1000,
    flash: vi.fn(),
    send: vi.fn(() => "id"),
    replace: vi.fn(),
  };
  return new Quiz(room);
}

describe("collectReview", () => {
  beforeEach(() => store.clear());
  const opened = fact("quiz.opened");
  const item = opened.data.items[0]!;

  it("has a question only after its reveal, once, and over a reload", () => {
    const quiz = setUp();
    const review = collectReview(quiz, "here");
    quiz.take(opened);
    expect(review.list.value).toEqual([]);
    const told = {
      round: opened.data.round,
      shown: true,
      keys: { [item.id]: { right: ["a"] } },
      mine: { [item.id]: 1 },
    };
    quiz.take(fact("quiz.revealed", told));
    quiz.take(fact("quiz.revealed", told));
    expect(review.list.value.map((r) => [r.item.id, r.key.right, r.mark])).toEqual([[item.id, ["a"], 1]]);
    review.stop();
    expect(collectReview(setUp(), "here").list.value).toEqual(review.list.value);
    expect(collectReview(setUp(), "elsewhere").list.value).toEqual([]);
  });

  it("starts empty when the tab kept something else", () => {
    store.set("here", "{");
    expect(collectReview(setUp(), "here").list.value).toEqual([]);
  });
});

describe("zoomAt", () => {
  it("keeps the place under the fingers, and no edge inside the window", () => {
    expect(zoomAt({ k: 1, x: 0, y: 0 }, 2, 100, 50, 300, 200)).toEqual({ k: 2, x: -100, y: -50 });
    expect(zoomAt({ k: 2, x: -100, y: -50 }, 1, 10, 10, 300, 200)).toEqual({ k: 1, x: 0, y: 0 });
    expect(zoomAt({ k: 1, x: 0, y: 0 }, 9, 0, 0, 300, 200).k).toBe(4);
    expect(keepWithin({ k: 2, x: -900, y: 50 }, 300, 200)).toEqual({ k: 2, x: -300, y: 0 });
  });
});
