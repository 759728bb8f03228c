// One room over the lesson socket: the stock phoenix client, the fold of events into
// signals, and an outbox that keeps what was not acknowledged. See PROTOCOL.md.
import { computed, signal } from "@preact/signals";
import { Channel, Presence, Socket } from "phoenix";
import { Board } from "./board";
import { OnAir } from "./onair";
import { Quiz } from "./quiz";
import { api, faultOf, type Fault, type Lesson, type Person } from "./api";

// connecting: at first; live; offline: coming back by itself; the others are final.
export type Status = "connecting" | "live" | "offline" | "waiting" | "removed" | "signedout" | "refused";

export interface Message {
  seq: number; // 0: not shown by the box yet
  at: number;
  by: string;
  id: string;
  text: string;
  to: "all" | "teacher";
}
export interface Present {
  user: string;
  role: string;
  name: string;
}
export interface Entry {
  id: string;
  event: string;
  payload: { [field: string]: unknown };
}

const jitter = (from: number, to: number) => from + Math.random() * (to - from);

export class Room {
  readonly status = signal<Status>("connecting");
  readonly lesson = signal<{ id: string; title: string; started: number; ended?: number }>({ id: "", title: "", started: 0 });
  readonly info = signal<Lesson | null>(null); // class name, and for staff code and link
  readonly me = signal({ user: "", role: "" });
  readonly messages = signal<Message[]>([]);
  readonly hands = signal<{ user: string; at: number }[]>([]);
  readonly taps = signal<{ [user: string]: string }>({});
  readonly locks = signal<{ [what: string]: boolean }>({});
  readonly muted = signal<string[]>([]);
  readonly removed = signal<string[]>([]);
  readonly present = signal<Present[]>([]);
  readonly people = signal<Map<string, Person>>(new Map());
  readonly outbox = signal<Entry[]>([]);
  readonly saved = signal<Set<string>>(new Set()); // ids of own messages that are on disk
  readonly fault = signal<Fault | null>(null); // the last refusal, until it is shown
  readonly pupilsHere = computed(() => new Set(this.present.value.filter((p) => p.role === "pupil").map((p) => p.user)).size);
  readonly quiz = new Quiz(this);
  readonly board = new Board(this);
  readonly onair = new OnAir(this);
  onReaction: (by: string, emoji: string) => void = () => {};

  private socket: Socket;
  private channel: Channel | null = null;
  private since = 0;
  private epoch = 0;
  private offset = 0; // the box's clock minus ours, in ms
  private store = "";
  private closed = false;

  // as "screen" is a teacher's projector page.
  constructor(readonly id: string, user: string, private as = "") {
    this.store = `ll:out:${user}:${id}`;
    this.outbox.value = this.stored();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new Socket(`${scheme}//${location.host}/socket`, {
      heartbeatIntervalMs: 25000,
      reconnectAfterMs: (tries: number) => jitter(300, 1000) * Math.min(tries, 5),
      rejoinAfterMs: (tries: number) => jitter(200, 800) * Math.min(tries, 5),
      vsn: "2.0.0",
    });
    this.socket.onClose((e) => this.dropped(e));
    addEventListener("online", this.hurry);
    document.addEventListener("visibilitychange", this.hurry);
    this.socket.connect();
    this.join();
    void this.refresh();
  }

  // now is the box's time, in ms.
  now() {
    return Date.now() + this.offset;
  }

  name(user: string): string {
    return this.people.value.get(user)?.name ?? this.present.value.find((p) => p.user === user)?.name ?? "…";
  }

  close() {
    this.closed = true;
    removeEventListener("online", this.hurry);
    document.removeEventListener("visibilitychange", this.hurry);
    this.socket.disconnect();
  }

  // refresh asks who the ids are, once more when an unknown one shows up.
  async refresh() {
    try {
      const { lesson, people } = await api.lesson(this.id);
      this.info.value = lesson;
      this.people.value = new Map(people.map((p) => [p.id, p]));
    } catch {
      // offline, or no lesson: the socket's status tells
    }
  }

  // send asks for something that must not get lost: it is kept until the box has
  // answered, over drops and reloads, and counts once.
  send(event: string, payload: { [field: string]: unknown } = {}): string {
    const entry = { id: crypto.getRandomValues(new Uint32Array(3)).join("-"), event, payload };
    this.keep([...this.outbox.value, entry]);
    this.deliver(entry);
    return entry.id;
  }

  // replace forgets what waits and is overtaken by what is sent next.
  replace(old: (e: Entry) => boolean) {
    this.keep(this.outbox.value.filter((e) => !old(e)));
  }

  // flash asks for something that is of no use later.
  flash(event: string, payload: { [field: string]: unknown }) {
    if (this.status.value !== "live" || !this.channel) return;
    const id = crypto.getRandomValues(new Uint32Array(3)).join("-");
    this.channel.push(event, { id, ...payload }).receive("error", (r) => (this.fault.value = faultOf(r)));
  }

  // request asks for something whose answer comes by itself; it gives the id that the
  // answer will name.
  request(event: string, payload: { [field: string]: unknown }, refused: (f: Fault) => void): string {
    const id = crypto.getRandomValues(new Uint32Array(3)).join("-");
    if (this.status.value !== "live" || !this.channel) setTimeout(() => refused({ code: "offline" } as Fault));
    else this.channel.push(event, { id, ...payload }).receive("error", (r) => refused(faultOf(r)));
    return id;
  }

  private hurry = () => {
    if (!this.closed && document.visibilityState === "visible" && !this.socket.isConnected()) this.socket.connect();
  };

  private join() {
    const params = () => ({ ...(this.epoch ? { since: this.since, epoch: this.epoch } : {}), ...(this.as ? { as: this.as } : {}) });
    const ch = this.socket.channel(`room:${this.id}`, params);
    this.channel = ch;
    const message = ch.onMessage.bind(ch);
    ch.onMessage = (event, payload, ref) => {
      if (payload && typeof payload.seq === "number" && payload.data) this.take(event, payload);
      return message(event, payload, ref);
    };
    ch.on("tap.reacted", (p) => this.onReaction(p.by, p.emoji));
    for (const name of ["quiz.counted", "quiz.marked", "quiz.seen"]) ch.on(name, (p) => this.quiz.cast(name, p));
    for (const name of ["answer", "refused", "slots", "speakers", "layers", "moved"]) ch.on(`call.${name}`, (p) => this.onair.hear(`call.${name}`, p));
    for (const name of ["board.pointed", "board.ink"]) ch.on(name, (p) => this.board.cast(name, p));
    ch.onError(() => this.away());
    const presence = new Presence(ch);
    presence.onSync(() => {
      const list = presence.list((user, { metas }) => ({ user, role: metas[0]?.role ?? "", name: metas[0]?.name ?? "" }));
      this.present.value = list;
      if (list.some((p) => p.role !== "screen" && !this.people.value.has(p.user))) void this.refresh();
    });
    ch.join()
      .receive("ok", (r) => this.joined(r))
      .receive("error", (r) => this.refused(faultOf(r)))
      .receive("timeout", () => this.away());
    ch.onClose(() => {
      if (!this.closed && this.status.value !== "signedout") this.status.value = "removed";
    });
  }

  private joined(r: any) {
    this.offset = r.now - Date.now();
    this.me.value = r.me;
    if (r.missed) for (const e of r.missed) this.take(e.kind, e);
    else this.show(r.view);
    this.since = r.seq;
    this.epoch = r.epoch;
    this.status.value = "live";
    if (this.info.value?.id !== this.lesson.value.id) void this.refresh();
    for (const e of this.outbox.value) this.deliver(e);
  }

  private show(view: any) {
    this.lesson.value = view.lesson;
    this.locks.value = view.room.locks;
    this.muted.value = view.room.muted;
    this.removed.value = view.room.removed;
    this.messages.value = view.chat.messages.map(messageOf);
    this.hands.value = view.hand.queue;
    this.taps.value = view.tap.taps;
    this.quiz.show(view.quiz);
    this.board.show(view.board);
    this.onair.show(view.call);
  }

  // take folds one event. Only what is after the last one counts.
  private take(kind: string, e: any) {
    if (e.epoch === this.epoch && e.seq <= this.since) return;
    this.since = e.seq;
    this.epoch = e.epoch;
    const d = e.data;
    const flag = (list: string[], on: boolean) => [...list.filter((u) => u !== d.user), ...(on ? [d.user] : [])];
    if (kind.startsWith("quiz.")) this.quiz.take(kind, e);
    if (kind.startsWith("board.")) this.board.take(kind, e);
    if (kind.startsWith("call.")) this.onair.take(kind, e);
    switch (kind) {
      case "chat.said":
        this.messages.value = [...this.messages.value.slice(-299), messageOf(e)];
        break;
      case "hand.raised":
        this.hands.value = [...this.hands.value.filter((h) => h.user !== e.by), { user: e.by, at: e.at }];
        break;
      case "hand.lowered":
        this.hands.value = d.all ? [] : this.hands.value.filter((h) => h.user !== d.user);
        break;
      case "tap.tapped": {
        const { [e.by]: _, ...rest } = this.taps.value;
        this.taps.value = d.tap ? { ...rest, [e.by]: d.tap } : rest;
        break;
      }
      case "tap.cleared":
        this.taps.value = {};
        break;
      case "room.locked":
        this.locks.value = { ...this.locks.value, [d.what]: d.on };
        break;
      case "room.muted":
        this.muted.value = flag(this.muted.value, d.on);
        break;
      case "room.removed":
        this.removed.value = flag(this.removed.value, true);
        break;
      case "room.readmitted":
        this.removed.value = flag(this.removed.value, false);
        break;
      case "lesson.started":
        this.show({
          lesson: { id: d.lesson, title: d.title, started: e.at }, room: { locks: {}, muted: [], removed: [] },
          chat: { messages: [] }, hand: { queue: [] }, tap: { taps: {} },
        });
        void this.refresh();
        break;
      case "lesson.ended":
        this.lesson.value = { ...this.lesson.value, ended: e.at };
        break;
    }
  }

  private deliver(entry: Entry) {
    if (!this.channel || this.channel.state !== "joined") return;
    this.channel
      .push(entry.event, { id: entry.id, ...entry.payload })
      .receive("ok", () => {
        this.saved.value = new Set([...this.saved.value, entry.id]);
        this.keep(this.outbox.value.filter((e) => e.id !== entry.id));
      })
      .receive("error", (r) => {
        const f = faultOf(r);
        if (["not_saved", "rate", "room_busy", "disk_full"].includes(f.code)) {
          setTimeout(() => this.deliver(entry), Math.max(500, f.retryMs)); // it stays in the outbox
          return;
        }
        this.keep(this.outbox.value.filter((e) => e.id !== entry.id));
        if (!this.quiz.refuse(entry, f)) this.fault.value = f;
      })
      .receive("timeout", () => this.deliver(entry)); // the id makes it count once
  }

  private dropped(e: CloseEvent) {
    if (this.closed) return;
    if (e.code === 4001) {
      this.status.value = this.lesson.value.ended ? this.status.value : "signedout";
      this.socket.disconnect();
      return;
    }
    this.away();
  }

  private away() {
    if (["live", "connecting", "offline", "waiting"].includes(this.status.value)) {
      this.status.value = this.epoch ? "offline" : "connecting";
      void this.stillWelcome();
    }
  }

  // stillWelcome finds out what a refused upgrade cannot tell: whether the box still
  // knows this device.
  private async stillWelcome() {
    try {
      const s = await api.state();
      if (s.me.role === "none") {
        this.status.value = "signedout";
        this.socket.disconnect();
      }
    } catch {
      // the box is away: it will come back
    }
  }

  private refused(f: Fault) {
    if (f.code === "removed") this.status.value = "removed";
    else if (f.code === "no_lesson") this.status.value = this.lesson.value.ended ? this.status.value : "waiting";
    else if (f.code === "other_room" || f.code === "no_room" || f.code === "role") this.status.value = "refused";
    if (["removed", "refused"].includes(this.status.value)) {
      this.closed = true;
      this.socket.disconnect();
    }
  }

  private stored(): Entry[] {
    try {
      return JSON.parse(localStorage.getItem(this.store) ?? "[]");
    } catch {
      return [];
    }
  }

  private keep(entries: Entry[]) {
    this.outbox.value = entries;
    try {
      localStorage.setItem(this.store, JSON.stringify(entries));
    } catch {
      // a private window: kept as long as the page
    }
  }
}

function messageOf(e: any): Message {
  return { seq: e.seq, at: e.at, by: e.by, id: e.id ?? "", text: e.data.text, to: e.data.to };
}
