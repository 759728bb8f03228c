// The connection that sends the own camera, microphone and screen.
import { signal } from "@preact/signals";
import {
  type ConnectionState,
  connected,
  newSession,
  overlap,
  Refused,
  type Signaling,
  watchConnection,
} from "./call-connection";
import type { Source } from "./on-air";

type Senders = Map<Source, RTCRtpTransceiver>;

const layers = {
  camera: [
    { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
    { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
    { rid: "f", maxBitrate: 1_500_000 },
  ],
  screen: [
    { rid: "q", scaleResolutionDownBy: 2, maxBitrate: 400_000 },
    { rid: "f", maxBitrate: 2_500_000 },
  ],
};

export class CallSender {
  readonly state = signal<ConnectionState>("off");
  readonly own = signal<{ [source in Source]?: MediaStreamTrack }>({});
  tries = 0;

  private pc: RTCPeerConnection | null = null;
  private session = "";
  private coming = ""; // the session that is being made
  private moved = new Set<string>(); // of those sessions, what the box has moved already
  private senders: Senders = new Map();
  private active: { session: string; source: Source; layers: string[] } | null = null; // of the session that is being made
  private offering = Promise.resolve();

  constructor(private signaling: Signaling) {}

  isOff = () => this.state.value === "off";

  // publish sends one more track, or replaces the one of its source.
  async publish(source: Source, track: MediaStreamTrack) {
    track.contentHint = source === "screen" ? "detail" : source === "camera" ? "motion" : "speech";
    track.onended = () => void this.unpublish(source);
    const was = this.own.value[source];
    this.own.value = { ...this.own.value, [source]: track };
    const is = this.senders.get(source);
    if (is && this.pc) {
      await is.sender.replaceTrack(track);
      was?.stop();
      return;
    }
    if (this.pc && this.state.value === "live") {
      this.attach(this.pc, this.senders, source, track);
      await this.offer();
    } else if (this.isOff()) {
      this.state.value = "connecting";
      await this.connect();
    }
  }

  async unpublish(source: Source) {
    const { [source]: track, ...rest } = this.own.value;
    if (!track) return;
    track.onended = null;
    track.stop();
    this.own.value = rest;
    const t = this.senders.get(source);
    this.senders.delete(source);
    t?.stop();
    if (Object.keys(rest).length === 0) this.stop();
    else if (this.pc) await this.offer();
  }

  stop() {
    for (const track of Object.values(this.own.value)) track.stop();
    this.own.value = {};
    this.signaling.leave(this.session);
    this.pc?.close();
    this.pc = null;
    this.session = "";
    this.senders.clear();
    this.state.value = "off";
  }

  // takeLayers stops the layers that have no watcher.
  takeLayers(session: string, source: Source, layers: string[]) {
    if (session === this.session) this.setActive(source, layers);
    else if (session === this.coming) this.active = { session, source, layers };
  }

  // takeMove connects again when the box moves this connection to another media server. It returns
  // whether the connection is still being made.
  takeMove(session: string): boolean {
    if (session === this.session) this.reconnect();
    if (session !== this.coming) return false;
    this.moved.add(session);
    return true;
  }

  private setActive(source: Source, layers: string[]) {
    const s = this.senders.get(source)?.sender;
    if (!s) return;
    const p = s.getParameters();
    for (const e of p.encodings) e.active = layers.includes(e.rid ?? "");
    void s.setParameters(p).catch(() => {});
  }

  private attach(pc: RTCPeerConnection, senders: Senders, source: Source, track: MediaStreamTrack) {
    const sendEncodings = source === "microphone" ? undefined : layers[source].map((e) => ({ ...e }));
    senders.set(
      source,
      pc.addTransceiver(track, {
        direction: "sendonly",
        streams: [new MediaStream()],
        ...(sendEncodings ? { sendEncodings } : {}),
      }),
    );
  }

  private reconnect() {
    if (this.isOff()) return;
    this.state.value = "connecting";
    void this.connect();
  }

  // connect makes a connection for all own tracks. The old one lives until the new one works.
  private async connect() {
    const old = this.pc;
    const session = newSession();
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const senders: Senders = new Map();
    for (const [source, track] of Object.entries(this.own.value)) this.attach(pc, senders, source as Source, track);
    const stale = () => this.signaling.closed || this.isOff() || this.pc !== old;
    try {
      this.coming = session;
      await this.negotiate(pc, session, senders);
      await connected(pc);
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
    const before = this.session;
    this.pc = pc;
    this.session = session;
    this.senders = senders;
    this.state.value = "live";
    if (old) {
      setTimeout(() => {
        old.close();
        this.signaling.leave(before);
      }, overlap);
    }
    watchConnection(pc, () => this.pc === pc && this.reconnect());
    if (this.active?.session === session) this.setActive(this.active.source, this.active.layers);
    await this.agree(pc, senders);
  }

  // agree brings a new connection in line with what came, went or changed while it was made.
  private async agree(pc: RTCPeerConnection, senders: Senders) {
    let changed = false;
    for (const [source, track] of Object.entries(this.own.value) as [Source, MediaStreamTrack][]) {
      const is = senders.get(source);
      if (is && is.sender.track !== track) await is.sender.replaceTrack(track);
      if (!is) {
        this.attach(pc, senders, source, track);
        changed = true;
      }
    }
    for (const [source, is] of senders) {
      if (this.own.value[source]) continue;
      senders.delete(source);
      is.stop();
      changed = true;
    }
    if (changed) await this.offer();
  }

  private offer() {
    const [pc, session, senders] = [this.pc!, this.session, this.senders];
    this.offering = this.offering
      .then(() => (pc === this.pc ? this.negotiate(pc, session, senders) : undefined))
      .catch((e) => this.signaling.showFault(e));
    return this.offering;
  }

  private async negotiate(pc: RTCPeerConnection, session: string, senders: Senders) {
    await pc.setLocalDescription(await pc.createOffer());
    const tracks = [...senders].filter(([, t]) => t.mid !== null).map(([source, t]) => ({ mid: t.mid!, source }));
    await this.signaling.negotiate(pc, "call.publish", { session, sdp: pc.localDescription!.sdp, tracks });
  }
}
