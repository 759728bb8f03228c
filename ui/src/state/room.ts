// One room over the lesson socket: the stock phoenix client, the fold of events into
// signals, and an outbox that keeps what was not acknowledged. See PROTOCOL.md.
import { computed, signal } from "@preact/signals";
import { type Channel, Presence, Socket } from "phoenix";
import type { Cast, ChatSaidData, Envelope, Fact, ReactionReactedCast } from "../contract";
import { api, type Lesson, type Person } from "../api/box";
import { type Fault, faultOf, type Refusal } from "../api/http";
import { Whiteboard, type WhiteboardCast, type WhiteboardView } from "./whiteboard";
import { type CallCast, type CallView, OnAir } from "./on-air";
import { Groups, type GroupsCast, type GroupsView } from "./groups";
import { Quiz, type QuizCast, type QuizView } from "./quiz";
import type { Entry, RoomPort, Status } from "./port";

export interface Message {
  seq: number; // 0: not shown by the box yet
  at: number;
  by: string;
  id: string;
  text: string;
  to: ChatSaidData["to"];
  user?: string; // the pupil who is answered
  re?: number; // seq of the message that it answers
}
export interface Present {
  user: string;
  role: string;
  name: string;
}
// Said is a message as the box sends it.
type Said = Envelope & { data: ChatSaidData };
// View is the room on joining, Joined the answer to a join.
interface View {
  lesson: { id: string; title: string; started: number; ended?: number };
  room: { locks: { [what: string]: boolean }; muted: string[]; removed: string[] };
  chat: { messages: Said[] };
  hand: { queue: { user: string; at: number }[] };
  tap: { taps: { [user: string]: string } };
  quiz?: QuizView;
  board?: WhiteboardView;
  groups?: GroupsView;
  call?: CallView;
}
interface Joined {
  epoch: number;
  seq: number;
  now: number;
  me: { user: string; role: string };
  view?: View;
  missed: Fact[] | null;
}

// beat is how often, in ms, the page asks whether the box is there. The client waits as long
// for the answer, so a dead box is noticed after one to two beats. A hidden page asks
// seldom: browsers run its timers as rarely as once a minute, and it shows nothing to anyone.
const beat = () => (document.hidden ? 25000 : 2000);
const jitter = (from: number, to: number) => from + Math.random() * (to - from);

export class Room implements RoomPort {
  readonly status = signal<Status>("connecting");
  readonly lesson = signal<{ id: string; title: string; started: number; ended?: number }>({
    id: "",
    title: "",
    started: 0,
  });
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
  readonly boxAway = signal(false); // the lesson is at another box, which does not answer
  readonly fault = signal<Fault | null>(null); // the last refusal, until it is shown
  readonly pupilsHere = computed(
    () => new Set(this.present.value.filter((p) => p.role === "pupil").map((p) => p.user)).size,
  );
  readonly quiz = new Quiz(this);
  readonly board = new Whiteboard(this);
  readonly groups = new Groups(this);
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
  constructor(
    readonly id: string,
    user: string,
    private as = "",
  ) {
    this.store = `ll:out:${user}:${id}`;
    this.outbox.value = this.stored();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new Socket(`${scheme}//${location.host}/socket`, {
      heartbeatIntervalMs: beat(),
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

  send(event: string, payload: { [field: string]: unknown } = {}): string {
    const entry = { id: crypto.getRandomValues(new Uint32Array(3)).join("-"), event, payload };
    this.keep([...this.outbox.value, entry]);
    this.deliver(entry);
    return entry.id;
  }

  replace(old: (e: Entry) => boolean) {
    this.keep(this.outbox.value.filter((e) => !old(e)));
  }

  flash(event: string, payload: { [field: string]: unknown }) {
    if (this.status.value !== "live" || !this.channel) return;
    const id = crypto.getRandomValues(new Uint32Array(3)).join("-");
    this.channel.push(event, { id, ...payload }).receive("error", (r: Refusal) => (this.fault.value = faultOf(r)));
  }

  request(event: string, payload: { [field: string]: unknown }, refused: (f: Fault) => void): string {
    const id = crypto.getRandomValues(new Uint32Array(3)).join("-");
    if (this.status.value !== "live" || !this.channel) setTimeout(() => refused({ code: "offline" } as Fault));
    else this.channel.push(event, { id, ...payload }).receive("error", (r: Refusal) => refused(faultOf(r)));
    return id;
  }

  private hurry = () => {
    this.socket.heartbeatIntervalMs = beat();
    if (this.socket.isConnected()) this.socket.resetHeartbeat();
    else if (!this.closed && !document.hidden) this.socket.connect();
  };

  private join() {
    const params = () => ({
      ...(this.epoch ? { since: this.since, epoch: this.epoch } : {}),
      ...(this.as ? { as: this.as } : {}),
    });
    const ch = this.socket.channel(`room:${this.id}`, params);
    this.channel = ch;
    const message = ch.onMessage.bind(ch);
    ch.onMessage = (event, payload: Partial<Fact> | null, ref) => {
      if (payload && typeof payload.seq === "number" && payload.data) this.take({ ...payload, kind: event } as Fact);
      return message(event, payload, ref);
    };
    ch.on("tap.reacted", (p: ReactionReactedCast) => this.onReaction(p.by, p.emoji));
    const hear = <C extends Cast>(names: C["name"][], take: (c: C) => void) => {
      for (const name of names) ch.on(name, (payload: C["payload"]) => take({ name, payload } as C));
    };
    hear<QuizCast>(["quiz.counted", "quiz.marked", "quiz.seen"], (c) => this.quiz.cast(c));
    hear<CallCast>(["call.answer", "call.refused", "call.slots", "call.speakers", "call.layers", "call.moved"], (c) =>
      this.onair.hear(c),
    );
    hear<GroupsCast>(["groups.seen"], (c) => this.groups.cast(c));
    hear<WhiteboardCast>(["board.pointed", "board.ink"], (c) => this.board.cast(c));
    ch.onError(() => this.away());
    const presence = new Presence(ch);
    presence.onSync(() => {
      const list = presence.list((user, { metas }: { metas: Partial<Present>[] }) => ({
        user,
        role: metas[0]?.role ?? "",
        name: metas[0]?.name ?? "",
      }));
      this.present.value = list;
      if (list.some((p) => p.role !== "screen" && !this.people.value.has(p.user))) void this.refresh();
    });
    ch.join()
      .receive("ok", (r: Joined) => this.joined(r))
      .receive("error", (r: Refusal) => this.refused(faultOf(r)))
      .receive("timeout", () => this.away());
    ch.onClose(() => {
      if (this.closed || this.status.value === "signedout") return;
      this.status.value = "removed";
      this.join(); // refused and tried again until the teacher lets this pupil in
    });
  }

  private joined(r: Joined) {
    this.offset = r.now - Date.now();
    this.me.value = r.me;
    if (r.missed) for (const e of r.missed) this.take(e);
    else if (r.view) this.show(r.view);
    this.since = r.seq;
    this.epoch = r.epoch;
    this.status.value = "live";
    this.boxAway.value = false;
    if (this.info.value?.id !== this.lesson.value.id) void this.refresh();
    for (const e of this.outbox.value) this.deliver(e);
  }

  private show(view: View) {
    this.lesson.value = view.lesson;
    this.locks.value = view.room.locks;
    this.muted.value = view.room.muted;
    this.removed.value = view.room.removed;
    this.messages.value = view.chat.messages.filter((m) => !m.data.removed).map(messageOf);
    this.hands.value = view.hand.queue;
    this.taps.value = view.tap.taps;
    this.quiz.show(view.quiz);
    this.board.show(view.board);
    this.groups.show(view.groups);
    this.onair.show(view.call);
  }

  // take folds one event. Only what is after the last one counts.
  private take(e: Fact) {
    if (e.epoch === this.epoch && e.seq <= this.since) return;
    this.since = e.seq;
    this.epoch = e.epoch;
    const flag = (list: string[], user: string, on: boolean) => [
      ...list.filter((u) => u !== user),
      ...(on ? [user] : []),
    ];
    this.quiz.take(e);
    this.board.take(e);
    this.groups.take(e);
    this.onair.take(e);
    switch (e.kind) {
      case "chat.said":
        this.messages.value = [...this.messages.value.slice(-299), messageOf(e)];
        break;
      case "chat.removed": {
        const { seq } = e.data;
        this.messages.value = this.messages.value.filter((m) => m.seq !== seq);
        break;
      }
      case "hand.raised":
        this.hands.value = [...this.hands.value.filter((h) => h.user !== e.by), { user: e.by, at: e.at }];
        break;
      case "hand.lowered": {
        const { all, user } = e.data;
        this.hands.value = all ? [] : this.hands.value.filter((h) => h.user !== user);
        break;
      }
      case "tap.tapped": {
        const { [e.by]: _, ...rest } = this.taps.value;
        this.taps.value = e.data.tap ? { ...rest, [e.by]: e.data.tap } : rest;
        break;
      }
      case "tap.cleared":
        this.taps.value = {};
        break;
      case "room.locked":
        this.locks.value = { ...this.locks.value, [e.data.what]: e.data.on };
        break;
      case "room.muted":
        this.muted.value = flag(this.muted.value, e.data.user, e.data.on);
        break;
      case "room.removed":
        this.removed.value = flag(this.removed.value, e.data.user, true);
        break;
      case "room.readmitted":
        this.removed.value = flag(this.removed.value, e.data.user, false);
        break;
      case "lesson.started":
        this.show({
          lesson: { id: e.data.lesson, title: e.data.title, started: e.at },
          room: { locks: {}, muted: [], removed: [] },
          chat: { messages: [] },
          hand: { queue: [] },
          tap: { taps: {} },
        });
        void this.refresh();
        break;
      case "lesson.ended":
        this.lesson.value = { ...this.lesson.value, ended: e.at };
        break;
    }
  }

  private deliver(entry: Entry) {
    if (this.channel?.state !== "joined") return;
    this.channel
      .push(entry.event, { id: entry.id, ...entry.payload })
      .receive("ok", () => {
        this.saved.value = new Set([...this.saved.value, entry.id]);
        this.keep(this.outbox.value.filter((e) => e.id !== entry.id));
      })
      .receive("error", (r: Refusal) => {
        const f = faultOf(r);
        if (f.code === "not_joined") return; // removed meanwhile: it goes out with the next join
        if (["not_saved", "rate", "room_busy", "disk_full"].includes(f.code)) {
          setTimeout(() => this.deliver(entry), Math.max(500, f.retryMs)); // it stays in the outbox
          return;
        }
        this.keep(this.outbox.value.filter((e) => e.id !== entry.id));
        this.groups.refuse(entry);
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
    const s = this.status.value;
    if (s === "signedout" || s === "refused") return;
    if (s !== "removed") this.status.value = this.epoch ? "offline" : "connecting";
    void this.stillWelcome();
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
    else if (f.code === "box_away") {
      this.boxAway.value = true; // the channel joins again by itself
      this.away();
    } else if (f.code === "other_room" || f.code === "no_room" || f.code === "role") this.status.value = "refused";
    if (this.status.value === "refused") {
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

function messageOf(e: Said): Message {
  const { text, to, user, re } = e.data;
  return { seq: e.seq, at: e.at, by: e.by, id: e.id ?? "", text, to, user, re };
}

// pendingCommand tells that a command of this kind has not been answered yet.
export const pendingCommand = (room: Room, event: string, match: { [field: string]: unknown } = {}) =>
  room.outbox.value.find((e) => e.event === event && Object.entries(match).every(([k, v]) => e.payload[k] === v));
