// One WebRTC connection to the box: how it is agreed on over the lesson's socket, and whether it
// carries media.
import { effect, signal } from "@preact/signals";
import type { CallCast, OnAir } from "./on-air";
import type { RoomPort } from "./port";

export type ConnectionState = "off" | "connecting" | "live";
export type CallRoom = Pick<RoomPort, "status" | "request"> & { readonly onair: Pick<OnAir, "hear"> };

const backoff = [300, 1000, 2000, 4000];
const patience = 6000; // for an answer

export const overlap = 5000; // that an old connection may outlive the new

// Answered is the answer to an offer: an sdp, or the code of a refusal. null: none came.
type Answered = { sdp?: string; code?: string } | null;

export class Refused extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

export const newSession = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

// Attempt is a connection that is tried until it is there or no longer wanted.
export interface Attempt {
  tries: number;
  isOff(): boolean;
  stop(): void;
}

// Signaling is the talk with the box about all connections of a page.
export class Signaling {
  readonly fault = signal(""); // a code, until it is shown
  closed = false;
  private waiting = new Map<string, (a: Answered) => void>();

  constructor(private room: CallRoom) {}

  // negotiate offers what the connection has and takes the answer.
  async negotiate(pc: RTCPeerConnection, event: string, payload: { [field: string]: unknown }) {
    for (let last = false; ; last = true) {
      const p = await this.ask(event, payload);
      if (p?.sdp) return pc.setRemoteDescription({ type: "answer", sdp: p.sdp });
      if (p?.code) throw new Refused(p.code);
      if (last) throw new Refused("timeout");
    }
  }

  private ask(event: string, payload: { [field: string]: unknown }): Promise<Answered> {
    return new Promise((done) => {
      const id = this.room.request(event, payload, (f) => finish({ code: f.code }));
      const timer = setTimeout(() => finish(null), patience);
      const finish = (p: Answered) => {
        clearTimeout(timer);
        this.waiting.delete(id);
        done(p);
      };
      this.waiting.set(id, finish);
    });
  }

  takeAnswer(c: Extract<CallCast, { name: "call.answer" | "call.refused" }>) {
    this.waiting.get(c.payload.req)?.(c.payload);
  }

  // cancelWaiting ends all offers that have no answer: the box has moved their connections.
  cancelWaiting() {
    for (const finish of [...this.waiting.values()]) finish({ code: "moved" });
  }

  // leave ends a session at the box. It needs no answer and may be too late.
  leave(session: string) {
    if (session) this.room.request("call.leave", { session }, () => {});
  }

  // retry tries once more after a pause, unless a person must act first.
  retry(attempt: Attempt, e: unknown, go: () => void) {
    const code = e instanceof Refused ? e.code : "";
    if (["not_invited", "in_room", "role", "full", "bad_sdp", "bad_offer", "removed"].includes(code)) {
      this.showFault(e);
      attempt.stop();
      return;
    }
    if (code === "no_node" || code === "no_media") this.showFault(e);
    const wait = code === "moved" ? 0 : backoff[Math.min(attempt.tries++, backoff.length - 1)]!;
    setTimeout(() => {
      const over = () => this.closed || attempt.isOff();
      if (over()) return;
      if (this.room.status.value === "live") {
        go();
        return;
      }
      const stop = effect(() => {
        if (this.room.status.value !== "live" && !this.closed) return;
        queueMicrotask(() => {
          stop();
          if (!over()) go();
        });
      });
    }, wait);
  }

  showFault(e: unknown) {
    this.fault.value = e instanceof Refused ? e.code : "failed";
  }
}

// connected waits until media can flow.
export function connected(pc: RTCPeerConnection): Promise<void> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Refused("unreachable")), 8000);
    const look = () => {
      if (pc.connectionState === "connected") done();
      else if (pc.connectionState === "failed" || pc.connectionState === "closed") fail(new Refused("unreachable"));
      else return;
      clearTimeout(timer);
      pc.removeEventListener("connectionstatechange", look);
    };
    pc.addEventListener("connectionstatechange", look);
    look();
  });
}

// watchConnection calls lost once when a connection failed or is away for two seconds.
export function watchConnection(pc: RTCPeerConnection, lost: () => void) {
  let timer = 0;
  let over = false;
  pc.addEventListener("connectionstatechange", () => {
    clearTimeout(timer);
    const end = () => {
      if (!over) lost();
      over = true;
    };
    if (pc.connectionState === "failed") end();
    if (pc.connectionState === "disconnected") timer = setTimeout(end, 2000);
  });
}
