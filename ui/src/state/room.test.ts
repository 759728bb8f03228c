import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Room } from "./room";
import { fact } from "./test-facts";
import { type Channel, Socket } from "./test-phoenix";

vi.mock("phoenix", () => import("./test-phoenix"));

const store = new Map<string, string>();
const view = {
  lesson: { id: "l_1", title: "Fractions", started: 5 },
  room: { locks: { chat: true }, muted: ["p_2"], removed: [] },
  chat: { messages: [] },
  hand: { queue: [{ user: "p_2", at: 9 }] },
  tap: { taps: { p_2: "yes" } },
};
const newest = (): Channel => Socket.channels.at(-1)!;

// accept lets a room join: seq facts of epoch 1 are in the view.
const accept = (more: object = {}) =>
  newest().accept({
    epoch: 1,
    seq: 0,
    now: Date.now(),
    me: { user: "p_1", role: "pupil" },
    view,
    missed: null,
    ...more,
  });

beforeEach(() => {
  vi.useFakeTimers();
  store.clear();
  Socket.channels = [];
  vi.stubGlobal("location", { protocol: "https:", host: "box.local" });
  vi.stubGlobal("document", { hidden: false, addEventListener() {}, removeEventListener() {} });
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("removeEventListener", () => {});
  vi.stubGlobal("fetch", () => Promise.reject(new Error("offline")));
  vi.stubGlobal("localStorage", {
    getItem: (k: string) => store.get(k) ?? null,
    setItem: (k: string, v: string) => store.set(k, v),
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("Room", () => {
  let room: Room;
  beforeEach(() => {
    room = new Room("l_1", "p_1");
    accept();
  });
  const take = (e: { kind: string }) => newest().send(e);

  it("shows the room on joining", () => {
    expect([room.status.value, room.me.value.user, room.lesson.value.title, room.locks.value]).toEqual([
      "live",
      "p_1",
      "Fractions",
      { chat: true },
    ]);
    expect([room.muted.value, room.hands.value, room.taps.value]).toEqual([
      ["p_2"],
      [{ user: "p_2", at: 9 }],
      { p_2: "yes" },
    ]);
  });

  it("adds a message", () => {
    const e = fact("chat.said", {}, { id: "x" });
    take(e);
    expect(room.messages.value).toEqual([
      { seq: e.seq, at: e.at, by: "p_1", id: "x", text: "a", to: "all", user: "p_1", re: 1 },
    ]);
  });

  it("takes out a message that the teacher deletes", () => {
    const e = fact("chat.said", {}, { id: "x" });
    take(e);
    take(fact("chat.removed", { seq: e.seq }, { seq: e.seq + 1 }));
    expect(room.messages.value).toEqual([]);
  });

  it("queues a hand once, and lowers one or all", () => {
    take(fact("hand.raised"));
    take(fact("hand.raised", {}, { at: 2000 }));
    expect(room.hands.value).toEqual([
      { user: "p_2", at: 9 },
      { user: "p_1", at: 2000 },
    ]);
    take(fact("hand.lowered", { user: "p_2", all: false }));
    expect(room.hands.value.map((h) => h.user)).toEqual(["p_1"]);
    take(fact("hand.lowered"));
    expect(room.hands.value).toEqual([]);
  });

  it("sets a tap, takes it back and clears all", () => {
    take(fact("tap.tapped"));
    expect(room.taps.value).toEqual({ p_1: "yes", p_2: "yes" });
    take(fact("tap.tapped", { tap: "" }));
    expect(room.taps.value).toEqual({ p_2: "yes" });
    take(fact("tap.cleared"));
    expect(room.taps.value).toEqual({});
  });

  it("locks a part of the room", () => {
    take(fact("room.locked", { what: "chat", on: false }));
    take(fact("room.locked", { what: "raise", on: true }));
    expect(room.locks.value).toEqual({ chat: false, raise: true });
  });

  it("mutes, removes and readmits", () => {
    take(fact("room.muted"));
    take(fact("room.muted", { user: "p_2", on: false }));
    expect(room.muted.value).toEqual(["p_1"]);
    take(fact("room.removed"));
    expect(room.removed.value).toEqual(["p_1"]);
    take(fact("room.readmitted"));
    expect(room.removed.value).toEqual([]);
  });

  it("starts a lesson with an empty room, and ends it", () => {
    take(fact("chat.said"));
    take(fact("lesson.started", { lesson: "l_2", title: "Decimals" }, { at: 7000 }));
    expect(room.lesson.value).toEqual({ id: "l_2", title: "Decimals", started: 7000 });
    expect([room.messages.value, room.hands.value, room.taps.value, room.locks.value]).toEqual([[], [], {}, {}]);
    take(fact("lesson.ended", {}, { at: 8000 }));
    expect(room.lesson.value.ended).toBe(8000);
  });

  it("gives each fact to the quiz, the board and the call", () => {
    take(fact("quiz.opened"));
    take(fact("board.drawn"));
    take(fact("call.started"));
    expect([room.quiz.round.value?.round, Object.keys(room.board.ink.value), room.onair.list.value.length]).toEqual([
      1,
      ["a"],
      1,
    ]);
  });

  it("counts no fact twice", () => {
    const e = fact("chat.said");
    take(e);
    take(e);
    take(fact("chat.said", {}, { seq: e.seq - 1 }));
    expect(room.messages.value.length).toBe(1);
    take(fact("chat.said", {}, { seq: 1, epoch: 2 })); // the box was reset
    expect(room.messages.value.length).toBe(2);
  });

  it("takes no message of a cast for a fact", () => {
    const seen: string[] = [];
    room.onReaction = (by, emoji) => seen.push(by + emoji);
    newest().onMessage("tap.reacted", { by: "p_2", emoji: "👍" });
    expect(seen).toEqual(["p_2👍"]);
  });

  it("asks for what it has missed, and folds it", () => {
    take(fact("chat.said", {}, { seq: 100 }));
    newest().drop();
    expect([room.status.value, newest().params()]).toEqual(["offline", { since: 100, epoch: 1 }]);
    accept({
      seq: 101,
      view: undefined,
      missed: [fact("chat.said", {}, { seq: 100 }), fact("chat.said", {}, { seq: 101 })],
    });
    expect([room.status.value, room.messages.value.length]).toEqual(["live", 2]);
  });

  it("joins again after a removal", () => {
    newest().remove();
    expect([room.status.value, Socket.channels.length]).toEqual(["removed", 2]);
    newest().refuse("other_room");
    expect(room.status.value).toBe("refused");
  });

  it("says that the box of the lesson is away until it answers", () => {
    const room = new Room("l_1", "p_1");
    accept();
    newest().refuse("box_away");
    expect([room.status.value, room.boxAway.value]).toEqual(["offline", true]);
    accept();
    expect([room.status.value, room.boxAway.value]).toEqual(["live", false]);
  });
});

describe("the outbox", () => {
  const kept = () => (JSON.parse(store.get("ll:out:p_1:l_1") ?? "[]") as { event: string }[]).map((e) => e.event);
  const events = () => newest().pushes.map((p) => p.event);
  const sent = (i: number) => newest().pushes[i]!;

  it("keeps what is sent until the box has answered", () => {
    const room = new Room("l_1", "p_1");
    accept();
    const id = room.send("chat.say", { text: "a" });
    expect([kept(), sent(0).payload]).toEqual([["chat.say"], { id, text: "a" }]);
    sent(0).answer("ok");
    expect([kept(), room.outbox.value, room.saved.value.has(id)]).toEqual([[], [], true]);
  });

  it("survives a reload and goes out in order, with the same ids", () => {
    const before = new Room("l_1", "p_1");
    const ids = [before.send("chat.say"), before.send("hand.raise")];
    expect(events()).toEqual([]); // it has not joined
    const room = new Room("l_1", "p_1");
    expect(room.outbox.value.map((e) => e.id)).toEqual(ids);
    accept();
    expect(newest().pushes.map((p) => [p.event, p.payload.id])).toEqual([
      ["chat.say", ids[0]],
      ["hand.raise", ids[1]],
    ]);
    expect(new Room("l_1", "p_2").outbox.value).toEqual([]); // another pupil on this device
  });

  it("sends once more after no answer in time", () => {
    const room = new Room("l_1", "p_1");
    accept();
    const id = room.send("chat.say");
    sent(0).answer("timeout");
    expect(newest().pushes.map((p) => p.payload.id)).toEqual([id, id]);
  });

  it.each(["not_saved", "rate", "room_busy", "disk_full"])("waits and sends once more after %s", (code) => {
    const room = new Room("l_1", "p_1");
    accept();
    room.send("chat.say");
    sent(0).answer("error", { reason: "busy", code, retry_ms: 800 });
    vi.advanceTimersByTime(799);
    expect([events().length, kept(), room.fault.value]).toEqual([1, ["chat.say"], null]);
    vi.advanceTimersByTime(1);
    expect(events().length).toBe(2);
  });

  it("keeps what a removed pupil has sent for the next join", () => {
    const room = new Room("l_1", "p_1");
    accept();
    room.send("chat.say");
    sent(0).answer("error", { reason: "user", code: "not_joined" });
    newest().remove();
    accept();
    expect([events(), room.fault.value]).toEqual([["chat.say"], null]);
  });

  it("gives up what the box refuses, and shows why", () => {
    const room = new Room("l_1", "p_1");
    accept();
    room.send("chat.say");
    sent(0).answer("error", { reason: "user", code: "muted" });
    expect([kept(), room.fault.value?.code]).toEqual([[], "muted"]);
  });

  it("shows the refusal of an answer at its question", () => {
    const room = new Room("l_1", "p_1");
    accept();
    newest().send(fact("quiz.opened"));
    room.quiz.answer("a", { text: "b" });
    expect(room.quiz.waiting.value).toEqual({ a: { text: "b" } });
    sent(0).answer("error", { reason: "user", code: "late" });
    expect([room.fault.value, room.quiz.refused.value, room.quiz.waiting.value]).toEqual([
      null,
      { item: "a", code: "late" },
      {},
    ]);
  });

  it("forgets what is overtaken", () => {
    const room = new Room("l_1", "p_1");
    room.send("chat.say");
    room.send("hand.raise");
    room.replace((e) => e.event === "chat.say");
    expect(kept()).toEqual(["hand.raise"]);
  });

  it("keeps no flash, and sends it only when it is live", () => {
    const room = new Room("l_1", "p_1");
    room.flash("board.point", { x: 1 });
    expect(events()).toEqual([]);
    accept();
    room.flash("board.point", { x: 1 });
    expect([events(), kept()]).toEqual([["board.point"], []]);
    sent(0).answer("error", { reason: "user", code: "rate" });
    expect(room.fault.value?.code).toBe("rate");
  });

  it("works without a store", () => {
    vi.stubGlobal("localStorage", undefined);
    const room = new Room("l_1", "p_1");
    room.send("chat.say");
    accept();
    expect([room.outbox.value.length, events()]).toEqual([1, ["chat.say"]]);
  });
});
