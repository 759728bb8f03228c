import { signal } from "@preact/signals";
import { describe, expect, it, vi } from "vitest";
import type { Status } from "./port";
import { Groups } from "./groups";
import { fact } from "./test-facts";

const setUp = () => {
  const flash = vi.fn();
  const send = vi.fn(() => "id");
  const me = signal({ user: "p_1", role: "pupil" });
  const groups = new Groups({ flash, send, me, status: signal<Status>("live") });
  return { groups, flash, send };
};
const pair = [
  { id: "g1", name: "Lions", members: ["p_1", "p_2"] },
  { id: "g2", name: "Tigers", members: ["p_3"] },
];

describe("Groups", () => {
  it("opens with a timer, and gets more time", () => {
    const { groups } = setUp();
    groups.take(fact("groups.opened", { groups: pair, seconds: 60 }, { at: 5000 }));
    expect([groups.open.value, groups.ends.value, groups.mine.value?.name]).toEqual([true, 65000, "Lions"]);
    groups.take(fact("groups.extended", { left: 90000 }, { at: 7000 }));
    expect(groups.ends.value).toBe(97000);
  });

  it("asks once for a group, and again for one that this pupil moves to", () => {
    const { groups, flash } = setUp();
    groups.take(fact("groups.opened", { groups: pair, seconds: 0 }));
    groups.look("g1");
    groups.look("g1");
    groups.take(fact("groups.said", { group: "g1", text: "hi" }));
    groups.take(fact("groups.moved", { user: "p_1", group: "g2", open: true }));
    expect([groups.mine.value?.id, groups.lines.value]).toEqual(["g2", {}]);
    groups.look("g2");
    expect(flash.mock.calls).toEqual([
      ["groups.look", { group: "g1" }],
      ["groups.look", { group: "g2" }],
    ]);
  });

  it("puts what was said and drawn before in front, each once", () => {
    const { groups } = setUp();
    const { stroke } = fact("groups.drawn").data;
    const said = fact("groups.said", { group: "g1", text: "later" });
    groups.take(said);
    groups.take(fact("groups.drawn", { group: "g1" }));
    const line = { seq: said.seq, at: said.at, by: said.by, text: "later" };
    const early = { ...line, seq: 0, text: "early" };
    const older = { ...stroke, id: "older" };
    groups.cast({
      name: "groups.seen",
      payload: { group: "g1", first: true, lines: [early, line], strokes: [older, stroke] },
    });
    expect(groups.lines.value.g1?.map((l) => l.text)).toEqual(["early", "later"]);
    expect(groups.ink.value.g1).toEqual([older, stroke]);
  });

  it("shows a message no more that the teacher has removed", () => {
    const { groups } = setUp();
    groups.take(fact("groups.said", { group: "g1", text: "rude" }, { seq: 3 }));
    groups.take(fact("groups.said", { group: "g1", text: "kind" }, { seq: 4 }));
    groups.take(fact("groups.removed", { group: "g1", seq: 3 }));
    expect(groups.lines.value.g1?.map((l) => l.text)).toEqual(["kind"]);
  });

  it("takes a stroke off the page that the box refuses", () => {
    const { groups, send } = setUp();
    const { stroke } = fact("groups.drawn").data;
    groups.draw("g1", stroke);
    expect(send).toHaveBeenCalledWith("groups.draw", { group: "g1", stroke });
    groups.refuse({ id: "x", event: "groups.draw", payload: { group: "g1", stroke } });
    expect(groups.ink.value.g1).toEqual([]);
  });

  it("remembers that a pupil was called back, and offers the groups of the last lesson", () => {
    const { groups } = setUp();
    groups.take(fact("groups.opened", { groups: pair, seconds: 0 }));
    groups.take(fact("groups.closed"));
    expect([groups.open.value, groups.returned.value]).toEqual([false, true]);
    groups.show();
    expect([groups.list.value, groups.last.value]).toEqual([[], pair]);
  });
});
