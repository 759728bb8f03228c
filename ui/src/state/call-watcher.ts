// The connection that receives the lesson's pictures and sound.
import { computed, effect, signal } from "@preact/signals";
import {
  type CallRoom,
  type ConnectionState,
  connected,
  newSession,
  overlap,
  Refused,
  type Signaling,
  watchConnection,
} from "./call-connection";
import type { CallCast, Source } from "./on-air";

export type Mode = "full" | "saver" | "sound";
export type Quality = "good" | "fair" | "poor";
export interface Slot {
  mid: string;
  user: string;
  source: Source | "";
  kind: string;
  stream: MediaStream;
}

type Streams = Map<string, { kind: string; stream: MediaStream }>;

export class CallWatcher {
  readonly state = signal<ConnectionState>("off");
  readonly slots = signal<Slot[]>([]);
  readonly mode = signal<Mode>("full");
  readonly quality = signal<Quality>("good");
  readonly shown = computed(() => this.slots.value.filter((s) => s.user && s.kind === "video"));
  tries = 0;

  private pc: RTCPeerConnection | null = null;
  private session = "";
  private coming = ""; // the session that is being made
  private moved = new Set<string>(); // of those sessions, what the box has moved already
  private told = new Map<string, { mid: string; user?: string; source?: Source }[]>(); // by session
  private heights: { [mid: string]: number } = {};
  private timer = 0; // of the next call.want
  private meter = 0;
  private counts = { lost: 0, got: 0, frozen: 0 };
  private arrange = () => {}; // the slots of the session by what the box said last
  private stopEffect: () => void;
  private sendHeights = () => this.want(this.heights, 0);

  constructor(
    private room: CallRoom,
    private signaling: Signaling,
    private audio: number,
    private video: number,
  ) {
    this.meter = setInterval(() => void this.measure(), 2000);
    // What was told while the socket was away is told again.
    this.stopEffect = effect(() => {
      if (room.status.value === "live") this.sendHeights();
    });
    document.addEventListener("visibilitychange", this.sendHeights); // a page out of sight needs no pictures
  }

  close() {
    this.stopEffect();
    document.removeEventListener("visibilitychange", this.sendHeights);
    clearInterval(this.meter);
    clearTimeout(this.timer);
    this.stop();
  }

  isOff = () => this.state.value === "off";

  start() {
    if (!this.isOff() || this.signaling.closed) return;
    this.state.value = "connecting";
    void this.connect();
  }

  stop() {
    this.signaling.leave(this.session);
    this.pc?.close();
    this.pc = null;
    this.session = "";
    this.state.value = "off";
    this.slots.value = [];
  }

  setMode(mode: Mode) {
    this.mode.value = mode;
    this.sendHeights();
  }

  // want tells how tall each picture is on the page; 0 is out of sight.
  want(heights: { [mid: string]: number }, after = 500) {
    this.heights = heights;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const session = this.session;
      if (!session || this.state.value !== "live") return;
      const heights = document.hidden
        ? Object.fromEntries(Object.keys(this.heights).map((mid) => [mid, 0]))
        : this.heights;
      this.room.request(
        "call.want",
        { session, mode: this.mode.value, heights },
        (f) => f.code === "no_session" && session === this.session && this.reconnect(),
      );
    }, after);
  }

  takeSlots({ session, slots }: Extract<CallCast, { name: "call.slots" }>["payload"]) {
    this.told.set(session, slots ?? []);
    for (const old of this.told.keys())
      if (this.told.size > 8 && old !== this.session && old !== this.coming) this.told.delete(old);
    if (session === this.session) this.arrange();
  }

  // takeMove connects again when the box moves this connection to another media server. It returns
  // whether the connection is still being made.
  takeMove(session: string): boolean {
    if (session === this.session) this.reconnect();
    if (session !== this.coming) return false;
    this.moved.add(session);
    return true;
  }

  private async connect() {
    const old = this.pc;
    const session = newSession();
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const streams: Streams = new Map();
    for (let i = 0; i < this.audio; i++) pc.addTransceiver("audio", { direction: "recvonly" });
    for (let i = 0; i < this.video; i++) pc.addTransceiver("video", { direction: "recvonly" });
    pc.ontrack = (e) => {
      if (e.transceiver.mid) streams.set(e.transceiver.mid, { kind: e.track.kind, stream: new MediaStream([e.track]) });
    };
    const stale = () => this.signaling.closed || this.isOff() || (this.pc !== null && this.pc !== old);
    try {
      await pc.setLocalDescription(await pc.createOffer());
      this.coming = session;
      await this.signaling.negotiate(pc, "call.watch", {
        session,
        sdp: pc.localDescription!.sdp,
        mode: this.mode.value,
      });
      await connected(pc);
      await this.flowing(session, streams);
      if (this.moved.delete(session)) throw new Refused("moved");
    } catch (e) {
      pc.close();
      if (!stale()) this.signaling.retry(this, e, () => void this.connect());
      return;
    }
    if (stale()) {
      pc.close();
      return;
    }
    this.tries = 0;
    this.signaling.leave(this.session);
    this.pc = pc;
    this.session = session;
    this.counts = { lost: 0, got: 0, frozen: 0 };
    this.arrange = () => this.fillSlots(session, streams);
    this.arrange();
    this.state.value = "live";
    this.sendHeights();
    if (old) setTimeout(() => old.close(), 1000);
    watchConnection(pc, () => this.pc === pc && this.reconnect());
  }

  // flowing waits until what feeds the slots is told and media of it arrives, or a while.
  private async flowing(session: string, streams: Streams) {
    const until = Date.now() + overlap;
    const ready = () => {
      const fed = this.told.get(session)?.filter((s) => s.user);
      return (
        fed &&
        (fed.length === 0 ||
          fed.some((s) =>
            streams
              .get(s.mid)
              ?.stream.getTracks()
              .some((k) => !k.muted),
          ))
      );
    };
    while (!ready() && Date.now() < until && !this.moved.has(session))
      await new Promise((done) => setTimeout(done, 20));
  }

  private fillSlots(session: string, streams: Streams) {
    const list = this.told.get(session) ?? [];
    this.slots.value = list.flatMap((s) => {
      const is = streams.get(s.mid);
      return is ? [{ mid: s.mid, user: s.user ?? "", source: s.source ?? "", ...is } as Slot] : [];
    });
  }

  private reconnect() {
    if (this.isOff() || this.signaling.closed) return;
    this.state.value = "connecting";
    void this.connect();
  }

  // measure grades the link by what was lost and frozen in the last two seconds.
  private async measure() {
    const pc = this.pc;
    if (!pc || this.state.value !== "live") return;
    const now = { lost: 0, got: 0, frozen: 0 };
    for (const r of (await pc.getStats()).values()) {
      if (r.type !== "inbound-rtp") continue;
      now.lost += r.packetsLost ?? 0;
      now.got += r.packetsReceived ?? 0;
      now.frozen += r.totalFreezesDuration ?? 0;
    }
    const lost = now.lost - this.counts.lost;
    const share = lost / Math.max(1, lost + now.got - this.counts.got);
    const frozen = now.frozen - this.counts.frozen;
    this.counts = now;
    this.quality.value = share > 0.1 || frozen > 1 ? "poor" : share > 0.03 || frozen > 0.2 ? "fair" : "good";
  }
}
