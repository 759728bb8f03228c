// The quiz of a room: the fold of its events into signals. Pupils and screens have the
// first part, staff all of it.
import { computed, signal } from "@preact/signals";
import type {
  AuthoredItem,
  Cast,
  Envelope,
  Fact,
  Item,
  ItemKey,
  ItemKind,
  ItemOption,
  ItemResponse,
  ItemRevealed,
  QuizAnsweredData,
  QuizExtendedData,
  QuizLoadedData,
  QuizOpenedData,
  QuizRankedEntry,
  QuizRevealedData,
  QuizSeenEntry,
  QuizStarredData,
  QuizWalledData,
} from "../contract";
import type { Fault } from "../api/http";
import type { Entry, RoomPort } from "./port";

export type { Item };
export type Kind = ItemKind;
export type Option = ItemOption;
export type Key = ItemKey;
export type Authored = AuthoredItem;
export type Response = ItemResponse;
export type Revealed = ItemRevealed;
export type Told = QuizRevealedData;
export type Ranked = QuizRankedEntry;
export type Star = Omit<QuizStarredData, "on">;
export type Wall = QuizWalledData; // written answers without names
export type Loaded = Omit<QuizLoadedData, "add">;
export type Answer = Omit<QuizSeenEntry, "mark"> & { mark?: number }; // no mark until the box sends it
export interface Round {
  round: number;
  state: "open" | "locked" | "revealed" | "closed";
  paused: boolean;
  items: Item[];
  index: number; // -1: asked on the spot
  of: number;
  seconds: number; // 0: no limit
}
// QuizView is the quiz on joining. Staff have the second part.
export interface QuizView {
  title: string;
  of: number;
  paced: "teacher" | "pupil";
  round:
    | (Round & { left: number; mine: { [item: string]: Response }; told?: Told; answered?: { [item: string]: number } })
    | null;
  score: number;
  max: number;
  ranked: Ranked[] | null;
  stars: Star[];
  wall?: Wall | null;
  factor: number;
  auto?: boolean;
  quiz?: Loaded;
  asked?: string[];
  answers?: { [item: string]: { [user: string]: Answer } };
  marks?: { [user: string]: { [item: string]: number } };
  allowed?: { [user: string]: number };
  hidden?: { [item: string]: { [user: string]: boolean } };
}
export type QuizCast = Extract<Cast, { name: `quiz.${string}` }>;

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
  readonly wall = signal<Wall | null>(null);
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
  readonly auto = signal(false); // a round locks by itself when all who are here have answered
  readonly hidden = signal<{ [item: string]: { [user: string]: boolean } }>({}); // answers off the wall

  private factor = 1;

  constructor(private room: Pick<RoomPort, "me" | "outbox" | "now" | "flash" | "send" | "replace">) {}

  // waiting are my answers of this round that the box has not acknowledged.
  readonly waiting = computed(() => {
    const out: { [item: string]: Response } = {};
    const n = this.round.value?.round;
    for (const e of this.room.outbox.value) {
      if (e.event === "quiz.answer" && e.payload.round === n)
        out[String(e.payload.item)] = e.payload.response as Response;
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
    if (r && !this.answers.value[item] && (this.answered.value[item] ?? 0) > 0)
      this.room.flash("quiz.look", { round: r.round, item });
  }

  // next presses the teacher's one button.
  next() {
    this.room.send("quiz.next", { round: this.round.value?.round ?? 0, state: this.state.value });
  }

  // refuse takes a refusal of an answer, to be shown at its question.
  refuse(e: Entry, f: Fault): boolean {
    if (e.event !== "quiz.answer") return false;
    if (e.payload.round === this.round.value?.round)
      this.refused.value = { item: String(e.payload.item), code: f.code };
    return e.payload.round === this.round.value?.round;
  }

  show(v?: QuizView | null) {
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
    this.wall.value = v?.wall ?? null;
    this.factor = v?.factor ?? 1;
    this.loaded.value = v?.quiz ?? none;
    this.asked.value = v?.asked ?? [];
    this.answers.value = v?.answers ?? {};
    this.marks.value = v?.marks ?? {};
    this.allowed.value = v?.allowed ?? {};
    this.auto.value = v?.auto ?? false;
    this.hidden.value = v?.hidden ?? {};
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
  cast(c: QuizCast) {
    const { item, round } = c.payload;
    if (round !== this.round.value?.round) return;
    if (c.name === "quiz.counted") this.answered.value = { ...this.answered.value, [item]: c.payload.answered };
    else if (c.name === "quiz.seen") {
      const { answers, after, more } = c.payload;
      const had = after ? this.answers.value[item] : {};
      this.answers.value = { ...this.answers.value, [item]: { ...had, ...answers } };
      const last = Object.keys(answers).sort().at(-1);
      if (more && last) this.room.flash("quiz.look", { round, item, after: last });
    } else {
      const of = this.answers.value[item];
      const had = of?.[c.payload.user];
      if (had)
        this.answers.value = {
          ...this.answers.value,
          [item]: { ...of, [c.payload.user]: { ...had, mark: c.payload.mark } },
        };
    }
  }

  take(e: Fact) {
    switch (e.kind) {
      case "quiz.loaded":
        this.load(e.data);
        break;
      case "quiz.paced":
        this.paced.value = e.data.paced;
        break;
      case "quiz.opened":
        this.open(e.data, e.at);
        break;
      case "quiz.answered":
        this.note(e.data, e);
        break;
      case "quiz.paused":
        this.pause(e.data.round, !!e.data.on);
        break;
      case "quiz.extended":
        this.extend(e.data);
        break;
      case "quiz.timed":
        this.auto.value = e.data.auto;
        break;
      case "quiz.hidden": {
        const { item, user, on } = e.data;
        this.hidden.value = { ...this.hidden.value, [item]: { ...this.hidden.value[item], [user]: on } };
        break;
      }
      case "quiz.locked":
        this.stop(e.data.round, "locked");
        break;
      case "quiz.closed":
        this.stop(e.data.round, "closed");
        break;
      case "quiz.revealed":
        this.tell(e.data, true);
        break;
      case "quiz.regraded":
        this.tell(e.data, false);
        break;
      case "quiz.starred": {
        const d = e.data;
        this.stars.value = [...this.stars.value.filter((s) => s.n !== d.n), ...(d.on ? [d] : [])];
        break;
      }
      case "quiz.walled":
        this.wall.value = e.data.as ? e.data : null;
        break;
      case "quiz.ranked":
        this.ranked.value = e.data.on ? e.data.list : null;
        break;
      case "quiz.allowed":
        this.allowed.value = { ...this.allowed.value, [e.data.user]: e.data.factor };
        if (e.data.user === this.room.me.value.user) this.longer(e.data.factor);
        break;
    }
  }

  private load(d: QuizLoadedData) {
    const items = d.add ? [...this.loaded.value.items, ...d.items] : d.items;
    this.loaded.value = d.add ? { ...this.loaded.value, items } : { ...d, items };
    this.of.value = items.length;
    if (!d.add) {
      this.title.value = d.title;
      this.paced.value = d.paced || "teacher";
      this.asked.value = [];
    }
  }

  private open(d: QuizOpenedData, at: number) {
    this.round.value = {
      round: d.round,
      state: "open",
      paused: false,
      items: d.items,
      index: d.index,
      of: d.of,
      seconds: d.seconds,
    };
    this.of.value = d.of;
    this.mine.value = {};
    this.told.value = null;
    this.answered.value = {};
    this.answers.value = {};
    this.ranked.value = null;
    this.wall.value = null;
    this.hidden.value = {};
    this.refused.value = null;
    this.asked.value = [...this.asked.value, ...d.items.map((i) => i.id)];
    this.run(d.seconds ? Math.max(0, d.seconds * 1000 * this.factor - Math.max(0, this.room.now() - at)) : -1);
  }

  private note(d: QuizAnsweredData, e: Envelope) {
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

  private pause(round: number, on: boolean) {
    const r = this.round.value;
    if (!r || r.round !== round) return;
    const left = this.end.value === null ? this.left.value : this.end.value - this.room.now();
    this.round.value = { ...r, paused: on };
    this.run(r.seconds ? Math.max(0, left) : -1);
  }

  // extend sets the time that is left by the plain limit. A longer time of mine is in proportion.
  private extend(d: QuizExtendedData) {
    const r = this.round.value;
    if (!r || r.round !== d.round) return;
    const more = (d.seconds - r.seconds) * 1000 * this.factor;
    const left = this.end.value === null ? this.left.value : this.end.value - this.room.now();
    this.round.value = { ...r, seconds: d.seconds };
    this.run(r.seconds ? Math.max(0, left + more) : d.left);
  }

  private stop(round: number, state: "locked" | "closed") {
    const r = this.round.value;
    if (!r || r.round !== round) return;
    this.round.value = { ...r, paused: false, state };
    this.run(-1);
  }

  private tell(d: QuizRevealedData, first: boolean) {
    const r = this.round.value;
    const key = d.key;
    if (key) {
      const items = this.loaded.value.items.map((i) => (i.id === d.item ? { ...i, key } : i));
      this.loaded.value = { ...this.loaded.value, items };
    }
    if (!d.shown) return;
    this.score.value = d.score;
    this.max.value = d.max;
    const marks = { ...this.marks.value };
    for (const [user, list] of Object.entries(d.marks ?? {})) marks[user] = { ...marks[user], ...list };
    this.marks.value = marks;
    if (!r || r.round !== d.round) return;
    this.told.value = d;
    this.answered.value = d.answered ?? {};
    if (first) {
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
