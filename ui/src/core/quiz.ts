// The quiz of a room: the fold of its events into signals. Pupils and screens have the
// first part, staff all of it.
import { computed, signal } from "@preact/signals";
import type { Fault } from "./api";
import type { Entry, Room } from "./room";

export type Kind = "single" | "multi" | "truefalse" | "text" | "numeric" | "order" | "match" | "poll" | "slide";
export interface Option {
  id: string;
  text: string;
}
export interface Item {
  id: string;
  kind: Kind;
  title?: string;
  text: string;
  options?: Option[];
  choices?: Option[];
  points: number;
  seconds?: number;
}
export interface Key {
  weights?: { [option: string]: number };
  texts?: { text: string; weight: number }[];
  numbers?: { value: number; tolerance: number; weight: number }[];
  order?: string[];
  pairs?: { [left: string]: string };
  feedback?: { [to: string]: string };
  general?: string;
}
export interface Authored extends Item {
  key: Key;
}
export interface Response {
  options?: string[];
  text?: string; // of a number too, as typed
  order?: string[];
  pairs?: { [left: string]: string };
}
export interface Revealed {
  right?: string[];
  texts?: string[];
  numbers?: string[];
  order?: string[];
  pairs?: { [left: string]: string };
  general?: string;
  feedback?: { [to: string]: string };
}
export interface Told {
  round: number;
  keys?: { [item: string]: Revealed };
  counts?: { [item: string]: { [option: string]: number } };
  answered?: { [item: string]: number };
  marks?: { [user: string]: { [item: string]: number } }; // staff
  scores?: { [user: string]: number }; // staff
  mine?: { [item: string]: number };
  score: number;
  max: number;
}
export interface Round {
  round: number;
  state: "open" | "locked" | "revealed" | "closed";
  paused: boolean;
  items: Item[];
  index: number; // -1: asked on the spot
  of: number;
  seconds: number; // 0: no limit
}
export interface Ranked {
  user: string;
  score: number;
}
export interface Star {
  round: number;
  item: string;
  n: number;
  response: Response;
}
export interface Loaded {
  id: string;
  title: string;
  speed: boolean;
  paced: "teacher" | "pupil";
  board: boolean;
  items: Authored[];
}
export interface Answer {
  response: Response;
  took: number;
  at: number;
  mark?: number; // 0 to 1; missing until the box tells
}

const none: Loaded = { id: "", title: "", speed: false, paced: "teacher", board: false, items: [] };

export class Quiz {
  readonly title = signal("");
  readonly of = signal(0);
  readonly paced = signal<"teacher" | "pupil">("teacher");
  readonly round = signal<Round | null>(null);
  readonly mine = signal<{ [item: string]: Response }>({}); // my answers of this round that the box has
  readonly told = signal<Told | null>(null); // of this round, after the reveal
  readonly score = signal(0);
  readonly max = signal(0);
  readonly ranked = signal<Ranked[] | null>(null);
  readonly stars = signal<Star[]>([]);
  readonly answered = signal<{ [item: string]: number }>({}); // staff and screens
  readonly refused = signal<{ item: string; code: string } | null>(null); // my last answer that was not taken
  // end is when my time is over, in the box's time; null: no limit, or it stands still.
  readonly end = signal<number | null>(null);
  readonly left = signal(-1); // ms that are left while it stands still

  // staff
  readonly loaded = signal<Loaded>(none);
  readonly asked = signal<string[]>([]);
  readonly answers = signal<{ [item: string]: { [user: string]: Answer } }>({}); // of this round
  readonly marks = signal<{ [user: string]: { [item: string]: number } }>({}); // of revealed rounds
  readonly allowed = signal<{ [user: string]: number }>({});

  private factor = 1;

  constructor(private room: Room) {}

  // waiting are my answers of this round that the box has not acknowledged.
  readonly waiting = computed(() => {
    const out: { [item: string]: Response } = {};
    const n = this.round.value?.round;
    for (const e of this.room.outbox.value) {
      if (e.event === "quiz.answer" && e.payload.round === n) out[String(e.payload.item)] = e.payload.response as Response;
    }
    return out;
  });

  // state is that of the teacher's one button.
  readonly state = computed(() => {
    const r = this.round.value;
    return !r || r.state === "closed" ? "ready" : r.state;
  });

  // answer sends my answer in place of one that is still waiting.
  answer(item: string, response: Response) {
    const round = this.round.value?.round;
    if (!round) return;
    this.refused.value = null;
    this.room.replace((e) => e.event === "quiz.answer" && e.payload.round === round && e.payload.item === item);
    this.room.send("quiz.answer", { round, item, response });
  }

  // look makes sure that the answers to an item are here.
  look(item: string) {
    const r = this.round.value;
    if (r && !this.answers.value[item] && (this.answered.value[item] ?? 0) > 0) this.room.flash("quiz.look", { round: r.round, item });
  }

  // next presses the teacher's one button.
  next() {
    this.room.send("quiz.next", { round: this.round.value?.round ?? 0, state: this.state.value });
  }

  // refuse takes a refusal of an answer, to be shown at its question.
  refuse(e: Entry, f: Fault): boolean {
    if (e.event !== "quiz.answer") return false;
    if (e.payload.round === this.round.value?.round) this.refused.value = { item: String(e.payload.item), code: f.code };
    return e.payload.round === this.round.value?.round;
  }

  show(v: any) {
    this.title.value = v?.title ?? "";
    this.of.value = v?.of ?? 0;
    this.paced.value = v?.paced ?? "teacher";
    const r = v?.round;
    this.round.value = r ?? null;
    this.mine.value = r?.mine ?? {};
    this.told.value = r?.told ?? null;
    this.answered.value = r?.answered ?? {};
    this.score.value = v?.score ?? 0;
    this.max.value = v?.max ?? 0;
    this.ranked.value = v?.ranked ?? null;
    this.stars.value = v?.stars ?? [];
    this.factor = v?.factor ?? 1;
    this.loaded.value = v?.quiz ?? none;
    this.asked.value = v?.asked ?? [];
    this.answers.value = v?.answers ?? {};
    this.marks.value = v?.marks ?? {};
    this.allowed.value = v?.allowed ?? {};
    this.refused.value = null;
    this.run(r?.left ?? -1);
  }

  // run sets the clock by what is left.
  private run(left: number) {
    const r = this.round.value;
    const going = r?.state === "open" && !r.paused && left >= 0;
    this.left.value = left;
    this.end.value = going ? this.room.now() + left : null;
  }

  // cast takes an ephemeral event.
  cast(name: string, p: any) {
    if (p.round !== this.round.value?.round) return;
    if (name === "quiz.counted") this.answered.value = { ...this.answered.value, [p.item]: p.answered };
    if (name === "quiz.seen") this.answers.value = { ...this.answers.value, [p.item]: p.answers };
    const of = this.answers.value[p.item];
    const had = of?.[p.user];
    if (name === "quiz.marked" && had) {
      this.answers.value = { ...this.answers.value, [p.item]: { ...of, [p.user]: { ...had, mark: p.mark } } };
    }
  }

  take(kind: string, e: any) {
    const d = e.data;
    switch (kind) {
      case "quiz.loaded":
        this.load(d);
        break;
      case "quiz.paced":
        this.paced.value = d.paced;
        break;
      case "quiz.opened":
        this.open(d, e.at);
        break;
      case "quiz.answered":
        this.note(d, e);
        break;
      case "quiz.paused":
      case "quiz.locked":
      case "quiz.closed":
        this.move(kind, d);
        break;
      case "quiz.revealed":
      case "quiz.regraded":
        this.tell(kind, d);
        break;
      case "quiz.starred":
        this.stars.value = [...this.stars.value.filter((s) => s.n !== d.n), ...(d.on ? [d] : [])];
        break;
      case "quiz.ranked":
        this.ranked.value = d.on ? d.list : null;
        break;
      case "quiz.allowed":
        this.allowed.value = { ...this.allowed.value, [d.user]: d.factor };
        if (d.user === this.room.me.value.user) this.longer(d.factor);
        break;
    }
  }

  private load(d: any) {
    const items = d.add ? [...this.loaded.value.items, ...d.items] : d.items;
    this.loaded.value = d.add ? { ...this.loaded.value, items } : { ...d, items };
    this.of.value = items.length;
    if (!d.add) {
      this.title.value = d.title;
      this.paced.value = d.paced;
      this.asked.value = [];
    }
  }

  private open(d: any, at: number) {
    this.round.value = { round: d.round, state: "open", paused: false, items: d.items, index: d.index, of: d.of, seconds: d.seconds };
    this.of.value = d.of;
    this.mine.value = {};
    this.told.value = null;
    this.answered.value = {};
    this.answers.value = {};
    this.ranked.value = null;
    this.refused.value = null;
    this.asked.value = [...this.asked.value, ...d.items.map((i: Item) => i.id)];
    this.run(d.seconds ? Math.max(0, d.seconds * 1000 * this.factor - Math.max(0, this.room.now() - at)) : -1);
  }

  private note(d: any, e: any) {
    if (d.round !== this.round.value?.round) return;
    if (e.by === this.room.me.value.user) this.mine.value = { ...this.mine.value, [d.item]: d.response };
    if (!this.answers.value[d.item] && (this.answered.value[d.item] ?? 0) > 0) {
      this.answered.value = { ...this.answered.value, [d.item]: (this.answered.value[d.item] ?? 0) + 1 }; // seen when looked at
      return;
    }
    const of = { ...this.answers.value[d.item], [e.by]: { response: d.response, took: d.took, at: e.at } };
    this.answers.value = { ...this.answers.value, [d.item]: of };
    this.answered.value = { ...this.answered.value, [d.item]: Object.keys(of).length };
  }

  private move(kind: string, d: any) {
    const r = this.round.value;
    if (!r || r.round !== d.round) return;
    if (kind === "quiz.paused") {
      const left = this.end.value === null ? this.left.value : this.end.value - this.room.now();
      this.round.value = { ...r, paused: !!d.on };
      this.run(r.seconds ? Math.max(0, left) : -1);
      return;
    }
    this.round.value = { ...r, paused: false, state: kind === "quiz.locked" ? "locked" : "closed" };
    this.run(-1);
  }

  private tell(kind: string, d: any) {
    const r = this.round.value;
    if (d.key) {
      const items = this.loaded.value.items.map((i) => (i.id === d.item ? { ...i, key: d.key } : i));
      this.loaded.value = { ...this.loaded.value, items };
    }
    if (!d.shown) return;
    this.score.value = d.score;
    this.max.value = d.max;
    const marks = { ...this.marks.value };
    for (const [user, list] of Object.entries(d.marks ?? {})) marks[user] = { ...marks[user], ...(list as object) };
    this.marks.value = marks;
    if (!r || r.round !== d.round) return;
    this.told.value = d;
    this.answered.value = d.answered ?? {};
    if (kind === "quiz.revealed") {
      this.round.value = { ...r, state: "revealed", paused: false };
      this.run(-1);
    }
  }

  private longer(factor: number) {
    const r = this.round.value;
    if (r?.seconds && this.end.value !== null) this.end.value += r.seconds * 1000 * (factor - this.factor);
    this.factor = factor;
  }
}
