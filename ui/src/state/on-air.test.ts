import { signal } from "@preact/signals";
import { beforeEach, describe, expect, it } from "vitest";
import type { Fault } from "../api/http";
import { OnAir } from "./on-air";
import { fact } from "./test-facts";

function setUp(role = "pupil") {
  const room = { me: signal({ user: "p_1", role }), fault: signal<Fault | null>(null) };
  return { room, onair: new OnAir(room) };
}

describe("OnAir", () => {
  let { onair } = setUp();
  beforeEach(() => ({ onair } = setUp()));

  it("moves a person out of the room and back", () => {
    onair.take(fact("call.placed", { user: "p_1", place: "remote" }));
    onair.take(fact("call.placed", { user: "p_2", place: "remote" }));
    expect([onair.place.value, onair.remote.value]).toEqual(["remote", ["p_1", "p_2"]]);
    onair.take(fact("call.placed", { user: "p_1", place: "room" }));
    expect([onair.place.value, onair.remote.value]).toEqual(["room", ["p_2"]]);
  });

  it("invites with the whole list, and stops all", () => {
    onair.take(fact("call.invited", { user: "p_1", sources: ["camera"] }));
    onair.take(fact("call.invited", { user: "p_1", sources: ["microphone"] }));
    expect([onair.invited.value, onair.mine.value]).toEqual([{ p_1: ["microphone"] }, ["microphone"]]);
    onair.take(fact("call.stopped"));
    expect([onair.invited.value, onair.mine.value]).toEqual([{}, []]);
  });

  it("mutes one source", () => {
    onair.take(fact("call.muted", { user: "p_1", source: "camera", on: true }));
    onair.take(fact("call.muted", { user: "p_1", source: "microphone", on: true }));
    onair.take(fact("call.muted", { user: "p_1", source: "camera", on: false }));
    expect(onair.muted.value.map((m) => m.source)).toEqual(["microphone"]);
  });

  it("lists each source on air once", () => {
    const e = fact("call.started", { user: "p_1", source: "camera" });
    onair.take(e);
    onair.take(e);
    expect(onair.list.value).toEqual([e.data]);
    onair.take(fact("call.ended", { user: "p_1", source: "screen" }));
    expect(onair.list.value).toEqual([e.data]);
    onair.take(fact("call.ended", { user: "p_1", source: "camera" }));
    expect(onair.list.value).toEqual([]);
  });

  it("tells the teacher alone why a recording ended", () => {
    for (const role of ["pupil", "teacher"]) {
      const { onair, room } = setUp(role);
      onair.take(fact("call.recorded", { on: true, pupils: true, err: "" }));
      expect(onair.recording.value).toEqual({ on: true, pupils: true });
      onair.take(fact("call.recorded", { on: false, err: "disk_full" }));
      expect([onair.recording.value, room.fault.value?.code]).toEqual([
        null,
        role === "teacher" ? "disk_full" : undefined,
      ]);
    }
  });

  it("takes over what was there on joining, and forgets it", () => {
    const shown = { user: "p_2", source: "camera" as const };
    onair.show({
      place: "remote",
      remote: ["p_1"],
      invited: { p_1: ["camera"] },
      muted: [shown],
      onair: [shown],
      recording: { on: true },
    });
    expect([onair.place.value, onair.mine.value, onair.list.value, onair.recording.value]).toEqual([
      "remote",
      ["camera"],
      [shown],
      { on: true },
    ]);
    onair.show(null);
    expect([onair.place.value, onair.mine.value, onair.list.value, onair.recording.value]).toEqual([
      "room",
      [],
      [],
      null,
    ]);
  });
});
