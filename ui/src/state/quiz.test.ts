import { signal } from "@preact/signals";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Fault } from "../api/http";
import { Quiz } from "./quiz";
import type { Entry } from "./port";
import { fact } from "./test-facts";

const at = 1000; // when the golden facts happen

function setUp(user = "p_1") {
  const room = {
    me: signal({ user, role: "pupil" }),
    outbox: signal<Entry[]>([]),
    now: () => at,
    flash: vi.fn(),
    send: vi.fn(() => "id"),
    replace: vi.fn(),
  };
  return { room, quiz: new Quiz(room) };
}

describe("Quiz", () => {
  let { room, quiz } = setUp();
  beforeEach(() => ({ room, quiz } = setUp()));
  const open = (change: Parameters<typeof fact<"quiz.opened">>[1] = {}) => quiz.take(fact("quiz.opened", change));

  it("loads a quiz, and adds a question to it", () => {
    const e = fact("quiz.loaded", { add: false, paced: "pupil" });
    quiz.asked.value = ["x"];
    quiz.take(e);
    expect([quiz.title.value, quiz.paced.value, quiz.of.value, quiz.asked.value]).toEqual([
      e.data.title,
      "pupil",
      1,
      [],
    ]);
    const more = { ...e.data.items[0]!, id: "b" };
    quiz.take(fact("quiz.loaded", { add: true, items: [more], title: "other" }));
    expect(quiz.loaded.value.items.map((i) => i.id)).toEqual(["a", "b"]);
    expect([quiz.loaded.value.title, quiz.title.value, quiz.of.value]).toEqual([e.data.title, e.data.title, 2]);
  });

  it("changes the pace", () => {
    quiz.take(fact("quiz.paced", { paced: "pupil" }));
    expect(quiz.paced.value).toBe("pupil");
  });

  it("opens a round with an empty slate and its time", () => {
    quiz.refused.value = { item: "a", code: "late" };
    quiz.ranked.value = [];
    const e = fact("quiz.opened", { seconds: 30 });
    quiz.take(e);
    expect(quiz.round.value).toEqual({
      round: 1,
      state: "open",
      paused: false,
      items: e.data.items,
      index: 1,
      of: 1,
      seconds: 30,
    });
    expect([quiz.mine.value, quiz.told.value, quiz.answers.value, quiz.ranked.value, quiz.refused.value]).toEqual([
      {},
      null,
      {},
      null,
      null,
    ]);
    expect([quiz.asked.value, quiz.end.value, quiz.state.value]).toEqual([["a"], at + 30_000, "open"]);
  });

  it("gives more time, to each pupil in proportion", () => {
    quiz.show({
      title: "t",
      of: 1,
      paced: "teacher",
      round: null,
      score: 0,
      max: 0,
      ranked: null,
      stars: [],
      factor: 2,
    });
    open({ seconds: 30 });
    quiz.take(fact("quiz.extended", { round: 1, seconds: 60, left: 60_000 }));
    expect([quiz.round.value?.seconds, quiz.end.value]).toEqual([60, at + 120_000]);
    quiz.take(fact("quiz.extended", { round: 2, seconds: 90, left: 90_000 })); // another round
    expect(quiz.end.value).toBe(at + 120_000);
  });

  it("asks for the rest of many answers", () => {
    open();
    const answer = { response: { text: "x" }, took: 1, at: 2, mark: 0 };
    const seen = (answers: object, rest: object) =>
      quiz.cast({ name: "quiz.seen", payload: { round: 1, item: "a", answers, ...rest } as never });
    seen({ p_1: answer, p_2: answer }, { more: true });
    expect(room.flash).toHaveBeenLastCalledWith("quiz.look", { round: 1, item: "a", after: "p_2" });
    seen({ p_3: answer }, { after: "p_2" });
    expect(Object.keys(quiz.answers.value.a ?? {})).toEqual(["p_1", "p_2", "p_3"]);
  });

  it("keeps an answer off the wall", () => {
    quiz.take(fact("quiz.hidden", { item: "a", user: "p_1", on: true }));
    expect(quiz.hidden.value.a?.p_1).toBe(true);
    quiz.take(fact("quiz.hidden", { item: "a", user: "p_1", on: false }));
    expect(quiz.hidden.value.a?.p_1).toBe(false);
  });

  it("runs no clock without a limit", () => {
    open({ seconds: 0 });
    expect([quiz.end.value, quiz.left.value]).toEqual([null, -1]);
  });

  it("notes an answer of mine, and counts that of others", () => {
    open();
    const e = fact("quiz.answered");
    quiz.take(e);
    expect(quiz.mine.value).toEqual({ a: e.data.response });
    expect(quiz.answers.value).toEqual({ a: { p_1: { response: e.data.response, took: 1, at } } });
    quiz.take(fact("quiz.answered", {}, { by: "p_2" }));
    expect([Object.keys(quiz.mine.value), quiz.answered.value]).toEqual([["a"], { a: 2 }]);
    quiz.take(fact("quiz.answered", { round: 7 }, { by: "p_3" }));
    expect(quiz.answered.value).toEqual({ a: 2 });
  });

  it("only counts answers that it has not seen", () => {
    open();
    quiz.cast({ name: "quiz.counted", payload: { round: 1, item: "a", answered: 4 } });
    quiz.take(fact("quiz.answered", {}, { by: "p_2" }));
    expect([quiz.answered.value, quiz.answers.value]).toEqual([{ a: 5 }, {}]);
    quiz.look("a");
    expect(room.flash).toHaveBeenCalledWith("quiz.look", { round: 1, item: "a" });
  });

  it("stops the clock for a pause and goes on after it", () => {
    open({ seconds: 30 });
    room.now = () => at + 10_000;
    quiz.take(fact("quiz.paused"));
    expect([quiz.round.value?.paused, quiz.end.value, quiz.left.value]).toEqual([true, null, 20_000]);
    room.now = () => at + 60_000;
    quiz.take(fact("quiz.paused", { on: false }));
    expect([quiz.round.value?.paused, quiz.end.value]).toEqual([false, at + 80_000]);
  });

  it("locks and closes a round, and not another one", () => {
    open({ seconds: 30 });
    quiz.take(fact("quiz.locked", { round: 7 }));
    expect(quiz.state.value).toBe("open");
    quiz.take(fact("quiz.locked"));
    expect([quiz.state.value, quiz.end.value]).toEqual(["locked", null]);
    quiz.take(fact("quiz.closed"));
    expect([quiz.round.value?.state, quiz.state.value]).toEqual(["closed", "ready"]);
  });

  it("reveals a round", () => {
    quiz.take(fact("quiz.loaded", { add: false }));
    open();
    const e = fact("quiz.revealed", { key: { order: ["z"] } });
    quiz.take(e);
    expect([quiz.state.value, quiz.score.value, quiz.max.value, quiz.marks.value]).toEqual([
      "revealed",
      0.5,
      0.5,
      { p_1: { q1: 0.5 } },
    ]);
    expect([quiz.told.value, quiz.answered.value]).toEqual([e.data, { q1: 1 }]);
    expect(quiz.loaded.value.items[0]!.key).toEqual({ order: ["z"] });
  });

  it("takes new marks of a round without opening or closing it", () => {
    open();
    quiz.take(fact("quiz.locked"));
    quiz.take(fact("quiz.regraded", { score: 3, marks: { p_2: { a: 1 } } }));
    expect([quiz.state.value, quiz.score.value, quiz.marks.value]).toEqual(["locked", 3, { p_2: { a: 1 } }]);
  });

  it("keeps a key that is not for the class to itself", () => {
    open();
    quiz.take(fact("quiz.revealed", { shown: false }));
    expect([quiz.state.value, quiz.told.value, quiz.score.value]).toEqual(["open", null, 0]);
  });

  it("gives a star and takes it back", () => {
    const e = fact("quiz.starred");
    quiz.take(e);
    quiz.take(e);
    expect(quiz.stars.value).toEqual([e.data]);
    quiz.take(fact("quiz.starred", { on: false }));
    expect(quiz.stars.value).toEqual([]);
  });

  it("shows the wall of answers until it goes or another question opens", () => {
    const e = fact("quiz.walled", { as: "cloud" });
    quiz.take(e);
    expect(quiz.wall.value).toEqual(e.data);
    quiz.take(fact("quiz.walled", { as: "" }));
    expect(quiz.wall.value).toBeNull();
    quiz.take(e);
    open();
    expect(quiz.wall.value).toBeNull();
  });

  it("shows the ranking and hides it", () => {
    const e = fact("quiz.ranked");
    quiz.take(e);
    expect(quiz.ranked.value).toEqual(e.data.list);
    quiz.take(fact("quiz.ranked", { on: false }));
    expect(quiz.ranked.value).toBeNull();
  });

  it("gives me more time, at once and in later rounds", () => {
    open({ seconds: 30 });
    quiz.take(fact("quiz.allowed", { user: "p_2", factor: 3 }));
    expect([quiz.allowed.value, quiz.end.value]).toEqual([{ p_2: 3 }, at + 30_000]);
    quiz.take(fact("quiz.allowed", { factor: 2 }));
    expect([quiz.allowed.value, quiz.end.value]).toEqual([{ p_2: 3, p_1: 2 }, at + 60_000]);
    open({ round: 2, seconds: 10 });
    expect(quiz.end.value).toBe(at + 20_000);
  });

  it("takes what the box casts about this round only", () => {
    open();
    const response = fact("quiz.answered").data.response;
    quiz.cast({
      name: "quiz.seen",
      payload: { round: 1, item: "a", answers: { p_2: { response, took: 1, at, mark: 0 } } },
    });
    quiz.cast({ name: "quiz.marked", payload: { round: 1, item: "a", user: "p_2", mark: 0.5 } });
    quiz.cast({ name: "quiz.marked", payload: { round: 1, item: "a", user: "p_9", mark: 1 } });
    expect(quiz.answers.value).toEqual({ a: { p_2: { response, took: 1, at, mark: 0.5 } } });
    quiz.cast({ name: "quiz.counted", payload: { round: 7, item: "a", answered: 9 } });
    expect(quiz.answered.value).toEqual({});
  });

  it("sends an answer in place of one that waits", () => {
    quiz.answer("a", { text: "early" });
    expect(room.send).not.toHaveBeenCalled();
    open();
    quiz.answer("a", { text: "b" });
    expect(room.send).toHaveBeenCalledWith("quiz.answer", { round: 1, item: "a", response: { text: "b" } });
    const old = room.replace.mock.calls[0]![0] as (e: Entry) => boolean;
    const entry = (payload: Entry["payload"], event = "quiz.answer"): Entry => ({ id: "1", event, payload });
    expect(
      [entry({ round: 1, item: "a" }), entry({ round: 1, item: "b" }), entry({ round: 1, item: "a" }, "chat.say")].map(
        old,
      ),
    ).toEqual([true, false, false]);
    room.outbox.value = [
      entry({ round: 1, item: "a", response: { text: "b" } }),
      entry({ round: 7, item: "c", response: {} }),
    ];
    expect(quiz.waiting.value).toEqual({ a: { text: "b" } });
  });

  it("shows a refusal at its question", () => {
    open();
    const entry = (round: number, event = "quiz.answer"): Entry => ({ id: "1", event, payload: { round, item: "a" } });
    const late = { code: "late" } as Fault;
    expect([quiz.refuse(entry(7), late), quiz.refuse(entry(1, "chat.say"), late), quiz.refused.value]).toEqual([
      false,
      false,
      null,
    ]);
    expect([quiz.refuse(entry(1), late), quiz.refused.value]).toEqual([true, { item: "a", code: "late" }]);
  });

  it("presses the one button for the state that it shows", () => {
    quiz.next();
    open();
    quiz.next();
    expect(room.send.mock.calls).toEqual([
      ["quiz.next", { round: 0, state: "ready" }],
      ["quiz.next", { round: 1, state: "open" }],
    ]);
  });

  it("takes over what was there on joining, and forgets it", () => {
    const items = fact("quiz.opened").data.items;
    const round = {
      round: 4,
      state: "open" as const,
      paused: false,
      items,
      index: 0,
      of: 2,
      seconds: 30,
      left: 5000,
      mine: { a: { text: "b" } },
    };
    quiz.show({ title: "t", of: 2, paced: "pupil", round, score: 1, max: 2, ranked: null, stars: [], factor: 2 });
    expect([quiz.title.value, quiz.round.value?.round, quiz.mine.value, quiz.end.value]).toEqual([
      "t",
      4,
      { a: { text: "b" } },
      at + 5000,
    ]);
    quiz.show(null);
    expect([quiz.title.value, quiz.round.value, quiz.mine.value, quiz.end.value, quiz.paced.value]).toEqual([
      "",
      null,
      {},
      null,
      "teacher",
    ]);
  });
});
