// Pictures and sound: one connection that sends and one that receives. The page always
// offers, the box answers over the lesson's socket. When the box moves a connection to
// another media server, or one fails, it is made anew beside the old one, which goes on
// until the new one carries media.
import { computed, effect, signal } from "@preact/signals";
import type { Source } from "./onair";
import type { Room } from "./room";

export type Mode = "full" | "saver" | "sound";
export type State = "off" | "connecting" | "live";
export type Quality = "good" | "fair" | "poor";
export interface Slot { mid: string; user: string; source: Source | ""; kind: string; stream: MediaStream }

const backoff = [300, 1000, 2000, 4000];
const patience = 6000; // for an answer
const overlap = 5000; // that an old connection may outlive the new

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

class Refused extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

const name = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

export const supported = typeof RTCPeerConnection !== "undefined";
// Only a secure page may use a camera or a microphone. Watching needs none.
export const secure = () => isSecureContext && !!navigator.mediaDevices;

export class Call {
  readonly state = signal<State>("off");
  readonly slots = signal<Slot[]>([]);
  readonly speakers = signal<string[]>([]);
  readonly own = signal<{ [source in Source]?: MediaStreamTrack }>({});
  readonly sending = signal<State>("off");
  readonly fault = signal(""); // a code, until it is shown
  readonly mode = signal<Mode>("full");
  readonly quality = signal<Quality>("good");
  readonly shown = computed(() => this.slots.value.filter((s) => s.user && s.kind === "video"));

  private line: RTCPeerConnection | null = null;
  private watching = ""; // session
  private sender: RTCPeerConnection | null = null;
  private publishing = "";
  private senders = new Map<Source, RTCRtpTransceiver>();
  private waiting = new Map<string, (p: any) => void>();
  private told = new Map<string, { mid: string; user?: string; source?: Source }[]>();
  private heights: { [mid: string]: number } = {};
  private wanted = 0; // timer
  private tries = { watch: 0, send: 0 };
  private coming = { watch: "", send: "" }; // sessions that are being made
  private moved = new Set<string>(); // of those, what the box has moved already
  private rests = new Map<string, [Source, string[]]>(); // by session: the last layers it told
  private closed = false;
  private meter = 0;
  private counts = { lost: 0, got: 0, frozen: 0 };

  constructor(private room: Room, private audio: number, private video: number) {
    room.onair.hear = (event, p) => this.hear(event, p);
    this.meter = setInterval(() => void this.measure(), 2000) as unknown as number;
    // What was told while the socket was away is told again.
    this.ends = effect(() => {
      if (room.status.value === "live") this.want(this.heights, 0);
    });
    document.addEventListener("visibilitychange", this.looked);
  }

  private ends: () => void;
  private looked = () => this.want(this.heights, 0); // out of sight, out of the air

  close() {
    this.closed = true;
    this.ends();
    document.removeEventListener("visibilitychange", this.looked);
    clearInterval(this.meter);
    clearTimeout(this.wanted);
    this.room.onair.hear = () => {};
    this.stopWatching();
    this.stopSending();
  }

  // ---- watching

  watch() {
    if (this.state.value !== "off" || this.closed) return;
    this.state.value = "connecting";
    void this.connect();
  }

  stopWatching() {
    this.quietly("call.leave", { session: this.watching });
    this.line?.close();
    this.line = null;
    this.watching = "";
    this.state.value = "off";
    this.slots.value = [];
  }

  setMode(mode: Mode) {
    this.mode.value = mode;
    this.want(this.heights, 0);
  }

  // want tells how tall each picture is on the page; 0 is out of sight.
  want(heights: { [mid: string]: number }, after = 500) {
    this.heights = heights;
    clearTimeout(this.wanted);
    this.wanted = setTimeout(() => {
      const session = this.watching;
      if (!session || this.state.value !== "live") return;
      const heights = document.hidden ? Object.fromEntries(Object.keys(this.heights).map((mid) => [mid, 0])) : this.heights;
      this.room.request("call.want", { session, mode: this.mode.value, heights }, (f) => f.code === "no_session" && session === this.watching && this.rewatch());
    }, after) as unknown as number;
  }

  private async connect() {
    const old = this.line;
    const session = name();
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const streams = new Map<string, { kind: string; stream: MediaStream }>();
    for (let i = 0; i < this.audio; i++) pc.addTransceiver("audio", { direction: "recvonly" });
    for (let i = 0; i < this.video; i++) pc.addTransceiver("video", { direction: "recvonly" });
    pc.ontrack = (e) => {
      if (e.transceiver.mid) streams.set(e.transceiver.mid, { kind: e.track.kind, stream: new MediaStream([e.track]) });
    };
    const stale = () => this.closed || this.state.value === "off" || (this.line !== null && this.line !== old);
    try {
      await pc.setLocalDescription(await pc.createOffer());
      this.coming.watch = session;
      await this.answered(pc, "call.watch", { session, sdp: pc.localDescription!.sdp, mode: this.mode.value });
      await connected(pc);
      await this.flowing(session, streams);
      if (this.moved.delete(session)) throw new Refused("moved");
    } catch (e) {
      pc.close();
      if (!stale()) this.again("watch", e, () => void this.connect());
      return;
    }
    if (stale()) {
      pc.close();
      return;
    }
    this.tries.watch = 0;
    this.quietly("call.leave", { session: this.watching });
    this.line = pc;
    this.watching = session;
    this.counts = { lost: 0, got: 0, frozen: 0 };
    const change = () => this.arrange(session, streams);
    this.retell = change;
    change();
    this.state.value = "live";
    this.want(this.heights, 0);
    if (old) setTimeout(() => old.close(), 1000);
    watchOver(pc, () => this.line === pc && void this.rewatch());
  }

  private retell = () => {};

  // flowing waits until what feeds the slots is told and media of it arrives, or a while.
  private async flowing(session: string, streams: Map<string, { stream: MediaStream }>) {
    const until = Date.now() + overlap;
    const ready = () => {
      const fed = this.told.get(session)?.filter((s) => s.user);
      return fed && (fed.length === 0 || fed.some((s) => streams.get(s.mid)?.stream.getTracks().some((k) => !k.muted)));
    };
    while (!ready() && Date.now() < until && !this.moved.has(session)) await new Promise((done) => setTimeout(done, 20));
  }

  // quietly asks for what needs no answer and may be too late.
  private quietly(event: string, payload: { session: string }) {
    if (payload.session) this.room.request(event, payload, () => {});
  }

  private arrange(session: string, streams: Map<string, { kind: string; stream: MediaStream }>) {
    const list = this.told.get(session) ?? [];
    this.slots.value = list.flatMap((s) => {
      const is = streams.get(s.mid);
      return is ? [{ mid: s.mid, user: s.user ?? "", source: s.source ?? "", ...is } as Slot] : [];
    });
  }

  private rewatch() {
    if (this.state.value === "off" || this.closed) return;
    this.state.value = "connecting";
    void this.connect();
  }

  // rehearse connects once and gives the time that took, in ms, and closes; -1: in vain.
  async rehearse(): Promise<number> {
    const begun = performance.now();
    const session = name();
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    pc.addTransceiver("video", { direction: "recvonly" });
    try {
      await pc.setLocalDescription(await pc.createOffer());
      await this.answered(pc, "call.watch", { session, sdp: pc.localDescription!.sdp, mode: "full" });
      await connected(pc);
      return performance.now() - begun;
    } catch {
      return -1;
    } finally {
      pc.close();
      this.quietly("call.leave", { session });
    }
  }

  // ---- publishing

  // publish sends one more track, or replaces the one of its source.
  async publish(source: Source, track: MediaStreamTrack) {
    track.contentHint = source === "screen" ? "detail" : source === "camera" ? "motion" : "speech";
    track.onended = () => void this.unpublish(source);
    const was = this.own.value[source];
    this.own.value = { ...this.own.value, [source]: track };
    const is = this.senders.get(source);
    if (is && this.sender) {
      await is.sender.replaceTrack(track);
      was?.stop();
      return;
    }
    if (this.sender && this.sending.value === "live") {
      this.attach(this.sender, this.senders, source, track);
      await this.offer();
    } else if (this.sending.value === "off") {
      this.sending.value = "connecting";
      await this.send();
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
    if (Object.keys(rest).length === 0) this.stopSending();
    else if (this.sender) await this.offer();
  }

  stopSending() {
    for (const track of Object.values(this.own.value)) track.stop();
    this.own.value = {};
    this.quietly("call.leave", { session: this.publishing });
    this.sender?.close();
    this.sender = null;
    this.publishing = "";
    this.senders.clear();
    this.sending.value = "off";
  }

  private attach(pc: RTCPeerConnection, senders: Map<Source, RTCRtpTransceiver>, source: Source, track: MediaStreamTrack) {
    const sendEncodings = source === "microphone" ? undefined : layers[source].map((e) => ({ ...e }));
    senders.set(source, pc.addTransceiver(track, { direction: "sendonly", streams: [new MediaStream()], ...(sendEncodings ? { sendEncodings } : {}) }));
  }

  // send makes a sending connection for all own tracks, beside the one there may be.
  private async send() {
    const old = this.sender;
    const session = name();
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const senders = new Map<Source, RTCRtpTransceiver>();
    for (const [source, track] of Object.entries(this.own.value)) this.attach(pc, senders, source as Source, track);
    const stale = () => this.closed || this.sending.value === "off" || this.sender !== old;
    try {
      this.coming.send = session;
      await this.negotiate(pc, session, senders);
      await connected(pc);
      if (this.moved.delete(session)) throw new Refused("moved");
    } catch (e) {
      pc.close();
      if (!stale()) this.again("send", e, () => void this.send());
      return;
    }
    if (stale()) {
      pc.close();
      return;
    }
    this.tries.send = 0;
    const before = this.publishing;
    this.sender = pc;
    this.publishing = session;
    this.senders = senders;
    this.sending.value = "live";
    if (old) {
      setTimeout(() => {
        old.close();
        this.quietly("call.leave", { session: before });
      }, overlap);
    }
    watchOver(pc, () => {
      if (this.sender === pc && this.sending.value !== "off") {
        this.sending.value = "connecting";
        void this.send();
      }
    });
    const rest = this.rests.get(session);
    if (rest) this.rest(...rest);
    await this.agree(pc, senders);
  }

  // agree brings a new connection in line with what came, went or changed while it was made.
  private async agree(pc: RTCPeerConnection, senders: Map<Source, RTCRtpTransceiver>) {
    let again = false;
    for (const [source, track] of Object.entries(this.own.value) as [Source, MediaStreamTrack][]) {
      const is = senders.get(source);
      if (is && is.sender.track !== track) await is.sender.replaceTrack(track);
      if (!is) {
        this.attach(pc, senders, source, track);
        again = true;
      }
    }
    for (const [source, is] of senders) {
      if (this.own.value[source]) continue;
      senders.delete(source);
      is.stop();
      again = true;
    }
    if (again) await this.offer();
  }

  private offering = Promise.resolve();

  private offer() {
    const [pc, session, senders] = [this.sender!, this.publishing, this.senders];
    this.offering = this.offering.then(() => (pc === this.sender ? this.negotiate(pc, session, senders) : undefined)).catch((e) => this.say(e));
    return this.offering;
  }

  private async negotiate(pc: RTCPeerConnection, session: string, senders: Map<Source, RTCRtpTransceiver>) {
    await pc.setLocalDescription(await pc.createOffer());
    const tracks = [...senders].filter(([, t]) => t.mid !== null).map(([source, t]) => ({ mid: t.mid!, source }));
    await this.answered(pc, "call.publish", { session, sdp: pc.localDescription!.sdp, tracks });
  }

  // ---- both

  private async answered(pc: RTCPeerConnection, event: string, payload: { [field: string]: unknown }) {
    for (let last = false; ; last = true) {
      const p = await this.ask(event, payload);
      if (p?.sdp) return pc.setRemoteDescription({ type: "answer", sdp: p.sdp });
      if (p?.code) throw new Refused(p.code);
      if (last) throw new Refused("timeout");
    }
  }

  private ask(event: string, payload: { [field: string]: unknown }): Promise<any> {
    return new Promise((done) => {
      const id = this.room.request(event, payload, (f) => finish({ code: f.code }));
      const timer = setTimeout(() => finish(null), patience);
      const finish = (p: any) => {
        clearTimeout(timer);
        this.waiting.delete(id);
        done(p);
      };
      this.waiting.set(id, finish);
    });
  }

  // again tries once more after a pause, unless a person must act first.
  private again(what: "watch" | "send", e: unknown, go: () => void) {
    const code = e instanceof Refused ? e.code : "";
    if (["not_invited", "in_room", "role", "full", "bad_sdp", "bad_offer", "removed"].includes(code)) {
      this.say(e);
      if (what === "watch") this.stopWatching();
      else this.stopSending();
      return;
    }
    if (code === "no_node" || code === "no_media") this.say(e);
    const wait = code === "moved" ? 0 : backoff[Math.min(this.tries[what]++, backoff.length - 1)]!;
    setTimeout(() => {
      const over = () => this.closed || (what === "watch" ? this.state : this.sending).value === "off";
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

  private say(e: unknown) {
    this.fault.value = e instanceof Refused ? e.code : "failed";
  }

  private hear(event: string, p: any) {
    switch (event) {
      case "call.answer":
      case "call.refused":
        this.waiting.get(p.req)?.(p);
        break;
      case "call.slots":
        this.told.set(p.session, p.slots ?? []);
        for (const old of this.told.keys()) if (this.told.size > 8 && old !== this.watching && old !== this.coming.watch) this.told.delete(old);
        if (p.session === this.watching) this.retell();
        break;
      case "call.speakers":
        this.speakers.value = p.users ?? [];
        break;
      case "call.layers":
        if (p.session === this.publishing) this.rest(p.source, p.active ?? []);
        else if (p.session === this.coming.send) this.rests = new Map([[p.session, [p.source, p.active ?? []]]]);
        break;
      case "call.moved":
        if (p.session === this.watching) this.rewatch();
        if (p.session === this.coming.watch || p.session === this.coming.send) {
          this.moved.add(p.session);
          for (const finish of [...this.waiting.values()]) finish({ code: "moved" });
        }
        if (p.session === this.publishing && this.sending.value !== "off") {
          this.sending.value = "connecting";
          void this.send();
        }
        break;
    }
  }

  // rest stops the layers that nobody watches.
  private rest(source: Source, active: string[]) {
    const s = this.senders.get(source)?.sender;
    if (!s) return;
    const p = s.getParameters();
    for (const e of p.encodings) e.active = active.includes(e.rid ?? "");
    void s.setParameters(p).catch(() => {});
  }

  // measure grades the link by what was lost and frozen in the last two seconds.
  private async measure() {
    const pc = this.line;
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

// connected waits until media can flow.
function connected(pc: RTCPeerConnection): Promise<void> {
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

// watchOver tells once when a connection is lost: failed, or away for two seconds.
function watchOver(pc: RTCPeerConnection, lost: () => void) {
  let timer = 0;
  let over = false;
  pc.addEventListener("connectionstatechange", () => {
    clearTimeout(timer);
    const tell = () => {
      if (!over) lost();
      over = true;
    };
    if (pc.connectionState === "failed") tell();
    if (pc.connectionState === "disconnected") timer = setTimeout(tell, 2000) as unknown as number;
  });
}
