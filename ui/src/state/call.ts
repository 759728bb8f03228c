// Pictures and sound: one connection that sends and one that receives. The page always offers, the
// box answers over the lesson's socket. When the box moves a connection to another media server, or
// one fails, a new one is made. The old one lives until the new one carries media.
import { signal } from "@preact/signals";
import { type CallRoom, connected, newSession, Signaling } from "./call-connection";
import { CallSender } from "./call-sender";
import { CallWatcher } from "./call-watcher";
import type { CallCast } from "./on-air";

export const supported = typeof RTCPeerConnection !== "undefined";
// Only a secure page may use a camera or a microphone. Watching needs none.
export const secure = () => isSecureContext && !!navigator.mediaDevices;

export class Call {
  readonly speakers = signal<string[]>([]);
  readonly watcher: CallWatcher;
  readonly sender: CallSender;
  private signaling: Signaling;

  // audio and video are how many tracks of each the page can show.
  constructor(
    private room: CallRoom,
    audio: number,
    video: number,
  ) {
    this.signaling = new Signaling(room);
    this.watcher = new CallWatcher(room, this.signaling, audio, video);
    this.sender = new CallSender(this.signaling);
    room.onair.hear = (c) => this.hear(c);
  }

  // fault is the code of what failed, until it is shown.
  get fault() {
    return this.signaling.fault;
  }

  close() {
    this.signaling.closed = true;
    this.room.onair.hear = () => {};
    this.watcher.close();
    this.sender.stop();
  }

  // testConnection connects once, closes, and returns the time it took in ms; -1: it failed.
  async testConnection(): Promise<number> {
    const begun = performance.now();
    const session = newSession();
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    pc.addTransceiver("video", { direction: "recvonly" });
    try {
      await pc.setLocalDescription(await pc.createOffer());
      await this.signaling.negotiate(pc, "call.watch", { session, sdp: pc.localDescription!.sdp, mode: "full" });
      await connected(pc);
      return performance.now() - begun;
    } catch {
      return -1;
    } finally {
      pc.close();
      this.signaling.leave(session);
    }
  }

  private hear(c: CallCast) {
    switch (c.name) {
      case "call.answer":
      case "call.refused":
        this.signaling.takeAnswer(c);
        break;
      case "call.slots":
        this.watcher.takeSlots(c.payload);
        break;
      case "call.speakers":
        this.speakers.value = c.payload.users ?? [];
        break;
      case "call.layers":
        this.sender.takeLayers(c.payload.session, c.payload.source, c.payload.active ?? []);
        break;
      case "call.moved": {
        const coming = [this.watcher.takeMove(c.payload.session), this.sender.takeMove(c.payload.session)];
        if (coming.includes(true)) this.signaling.cancelWaiting();
        break;
      }
    }
  }
}
