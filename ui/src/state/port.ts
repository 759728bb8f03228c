// What the parts of a lesson need of the room they are in. Room is the one that the pages use.
import type { ReadonlySignal, Signal } from "@preact/signals";
import type { Fault } from "../api/http";

// connecting: at first; live; offline, waiting, removed: coming back by itself; the others are final.
export type Status = "connecting" | "live" | "offline" | "waiting" | "removed" | "signedout" | "refused";

// Entry is a command in the outbox.
export interface Entry {
  id: string;
  event: string;
  payload: { [field: string]: unknown };
}

export interface RoomPort {
  readonly status: ReadonlySignal<Status>;
  readonly me: ReadonlySignal<{ user: string; role: string }>;
  readonly outbox: ReadonlySignal<Entry[]>;
  readonly fault: Signal<Fault | null>; // the last refusal, until it is shown
  // now is the box's time, in ms.
  now(): number;
  // send asks for something that must not get lost: it is kept until the box has answered, over
  // drops and reloads, and counts once. It returns the id of the command.
  send(event: string, payload?: { [field: string]: unknown }): string;
  // replace drops what waits in the outbox and is overtaken by what is sent next.
  replace(old: (e: Entry) => boolean): void;
  // flash asks for something that is of no use later.
  flash(event: string, payload: { [field: string]: unknown }): void;
  // request asks for something whose answer comes by itself. It returns the id that the answer
  // will name.
  request(event: string, payload: { [field: string]: unknown }, refused: (f: Fault) => void): string;
}
