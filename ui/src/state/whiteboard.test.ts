import { describe, expect, it, vi } from "vitest";
import { imageURL, packPoints, unpackPoints, Whiteboard } from "./whiteboard";
import { fact } from "./test-facts";

const setUp = () => {
  const flash = vi.fn();
  return { board: new Whiteboard({ flash }), flash };
};

describe("Board", () => {
  it("takes a deck", () => {
    const { board } = setUp();
    const e = fact("board.loaded");
    board.take(e);
    expect(board.decks.value).toEqual([e.data]);
  });

  it("shows a surface with its page and asks for its ink once", () => {
    const { board, flash } = setUp();
    const e = fact("board.shown");
    board.laser.value = { x: 1, y: 1 };
    board.take(e);
    board.take(e);
    expect(board.surface.value).toBe(e.data.surface);
    expect(board.page.value).toEqual(e.data.page);
    expect(board.laser.value).toBeNull();
    expect(flash.mock.calls).toEqual([["board.look", { surface: e.data.surface }]]);
  });

  it("counts whiteboards by the highest number", () => {
    const { board } = setUp();
    board.take(fact("board.shown", { surface: "w:3", page: undefined }));
    board.take(fact("board.shown", { surface: "w:2", page: undefined }));
    expect(board.boards.value).toBe(3);
    expect(board.page.value).toBeNull();
  });

  it("lets pupils turn pages, and takes that back", () => {
    const { board } = setUp();
    const e = fact("board.followed", { on: false });
    board.take(e);
    expect(board.follow.value).toBe(false);
    expect(board.deck.value).toBe(e.data.deck);
    expect(board.pages.value).toEqual(e.data.pages);
    board.take(fact("board.followed", { on: true, deck: undefined, pages: undefined }));
    expect([board.follow.value, board.deck.value, board.pages.value]).toEqual([true, "", []]);
  });

  it("draws a stroke once, undoes it and clears the surface", () => {
    const { board } = setUp();
    const { surface, stroke } = fact("board.drawn").data;
    board.take(fact("board.drawn"));
    board.take(fact("board.drawn"));
    expect(board.ink.value[surface]).toEqual([stroke]);
    board.take(fact("board.drawn", { stroke: { ...stroke, id: "other" } }));
    board.take(fact("board.undone"));
    expect(board.ink.value[surface]?.map((s) => s.id)).toEqual(["other"]);
    board.take(fact("board.cleared"));
    expect(board.ink.value[surface]).toEqual([]);
  });

  it("puts older ink in front and asks for the rest", () => {
    const { board, flash } = setUp();
    const { surface, stroke } = fact("board.drawn").data;
    board.take(fact("board.drawn"));
    const older = { ...stroke, id: "older" };
    board.cast({ name: "board.ink", payload: { surface, first: true, strokes: [older, stroke], more: true } });
    expect(board.ink.value[surface]).toEqual([older, stroke]);
    expect(flash).toHaveBeenLastCalledWith("board.look", { surface, before: "older" });
  });

  it("moves the laser", () => {
    const { board } = setUp();
    board.cast({ name: "board.pointed", payload: { x: 5, y: 6, on: true } });
    expect(board.laser.value).toEqual({ x: 5, y: 6 });
    board.cast({ name: "board.pointed", payload: { x: 5, y: 6, on: false } });
    expect(board.laser.value).toBeNull();
  });

  it("forgets all of the lesson before", () => {
    const { board } = setUp();
    board.take(fact("board.drawn"));
    board.take(fact("board.shown"));
    board.show(null);
    expect([board.surface.value, board.page.value, board.ink.value]).toEqual(["", null, {}]);
  });
});

describe("points of a stroke", () => {
  it("are the same after packing and unpacking", () => {
    const points: [number, number, number][] = [
      [0, 10000, 1],
      [17, 9000, 0.5],
      [10000, 0, 0],
    ];
    expect(unpackPoints(packPoints(points))).toEqual(points);
  });
});

describe("the address of a picture", () => {
  it("names the smallest width that is enough, or the largest", () => {
    const page = { key: "k", w: 1280, h: 720, widths: [320, 1280], ext: "webp" };
    expect([300, 321, 5000].map((w) => imageURL("d/1", page, w))).toEqual([
      "/slides/d%2F1/k-320.webp",
      "/slides/d%2F1/k-1280.webp",
      "/slides/d%2F1/k-1280.webp",
    ]);
  });
});
