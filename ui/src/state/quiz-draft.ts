// A quiz while it is being written. Each change is kept on this device at once and goes
// to the box soon after; one save runs at a time. What the box cannot take yet, such as
// a question without its text, holds nothing else up: the box keeps the version of it
// that it has, or goes without it, and what was written stays here and survives a reload.
import { signal } from "@preact/signals";
import type { Fault } from "../api/http";
import { library, type Quiz } from "../api/library";
import type { Authored } from "./quiz";

const soon = 700; // ms after the last key
const later = 5000; // ms until a box that was away is asked again

export interface Line {
  uid: number; // of this page, so that a moved question keeps its focus
  item: Authored;
}
// unfinished: all is saved but what the box has refused.
export type Saving = "saved" | "unfinished" | "waiting" | "saving" | "refused" | "changed" | "offline";

// Refusal is why the box has not taken one version of a question, or of the title.
export interface Refusal {
  what: unknown;
  field: string; // within the question
  fault: Fault;
}
export const ofTitle = 0; // the uid that a refusal of the title has

let uids = 0;
export const line = (item: Authored): Line => ({ uid: ++uids, item });

export class QuizDraft {
  readonly head;
  readonly lines;
  readonly state = signal<Saving>("saved");
  readonly fault = signal<Fault | null>(null); // of the quiz as a whole
  readonly refusals = signal<Map<number, Refusal>>(new Map()); // by uid

  kept = true; // this device holds what is not saved yet
  private box: Quiz; // as the box has it
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | null = null;
  private turn = 0; // counts changes

  constructor(from: Quiz) {
    const kept = read(from.id);
    const { items, sent: _, ...head }: Kept = kept ?? from;
    this.head = signal(head);
    this.lines = signal(items.map(line));
    this.box = from;
    if (!kept) return;
    // A page that was left while the box saved has not seen the answer: the box has what was sent.
    if (kept.updated === from.updated || (kept.sent && plain(kept.sent) === plain(from))) this.later(0);
    else this.state.value = "changed";
  }

  // put changes the quiz.
  put(change: { head?: Partial<Omit<Quiz, "items">>; lines?: Line[] }) {
    this.turn++;
    if (change.head) this.head.value = { ...this.head.value, ...change.head };
    if (change.lines) this.lines.value = change.lines;
    this.keep();
    if (this.state.value === "changed") return; // a person must choose first
    this.state.value = "waiting";
    this.later(soon);
  }

  // keepMine writes over what somebody else has saved.
  async keepMine() {
    try {
      this.box = await library.quiz(this.head.value.id);
      this.state.value = "waiting";
      await this.save();
    } catch (e) {
      this.fault.value = e as Fault;
    }
  }

  // forget gives up what is not saved.
  forget() {
    this.close();
    erase(this.head.value.id);
  }

  // save sends what has changed, now. It returns when the box has answered.
  async save(): Promise<void> {
    clearTimeout(this.timer);
    while (this.running) await this.running;
    if (["saved", "unfinished", "changed"].includes(this.state.value)) return;
    this.running = this.send().finally(() => (this.running = null));
    await this.running;
  }

  close() {
    clearTimeout(this.timer);
  }

  // known reports whether the box has an earlier version of a question.
  known = (item: Authored) => this.box.items.some((i) => i.id === item.id);

  private async send() {
    this.state.value = "saving";
    for (;;) {
      const turn = this.turn;
      const { title, lines } = this.fit();
      const sent = { ...this.head.value, title, items: lines.map((l) => l.item), updated: this.box.updated };
      this.keep(sent);
      try {
        this.took(turn, lines, await library.putQuiz(sent));
        return;
      } catch (e) {
        if (this.refuse(e as Fault, title, lines)) continue; // the rest, without that
        this.failed(turn, e as Fault);
        return;
      }
    }
  }

  // fit is what goes to the box: in place of what it has refused, what it has.
  private fit(): { title: string; lines: Line[] } {
    const refused = (uid: number, what: unknown) => this.refusals.value.get(uid)?.what === what;
    const title = this.head.value.title;
    return {
      title: refused(ofTitle, title) ? this.box.title : title,
      lines: this.lines.value.flatMap((l) => {
        const item = refused(l.uid, l.item) ? this.box.items.find((i) => i.id === l.item.id) : l.item;
        return item ? [{ uid: l.uid, item }] : [];
      }),
    };
  }

  // refuse notes what the box could not take. False: there is nothing to leave out.
  private refuse(fault: Fault, title: string, lines: Line[]): boolean {
    const at = /^items\[(\d+)\]\.(.+)$/.exec(fault.field);
    const [uid, what, field] = at
      ? [lines[Number(at[1])]?.uid, lines[Number(at[1])]?.item, at[2]!]
      : [ofTitle, title, fault.field];
    if (uid === undefined || (!at && fault.field !== "title") || this.refusals.value.get(uid)?.what === what)
      return false;
    if (at ? this.box.items.includes(what as Authored) : title === this.box.title) return false;
    this.refusals.value = new Map(this.refusals.value).set(uid, { what, field, fault });
    return true;
  }

  // took notes what the box has now. A change that came meanwhile has the next save on its
  // way.
  private took(turn: number, sent: Line[], got: Quiz) {
    const had = new Map([
      [ofTitle, this.head.value.title as unknown],
      ...this.lines.value.map((l): [number, unknown] => [l.uid, l.item]),
    ]);
    const ids = new Map(sent.map((l, i) => [l.uid, got.items[i]?.id ?? ""]));
    this.box = got;
    this.fault.value = null;
    this.refusals.value = new Map([...this.refusals.value].filter(([uid, r]) => had.get(uid) === r.what));
    this.lines.value = this.lines.value.map((l) =>
      l.item.id || !ids.has(l.uid) ? l : { ...l, item: { ...l.item, id: ids.get(l.uid)! } },
    );
    this.state.value = turn !== this.turn ? "waiting" : this.refusals.value.size > 0 ? "unfinished" : "saved";
    if (this.state.value === "saved") erase(this.head.value.id);
    else this.keep();
  }

  private failed(turn: number, f: Fault) {
    this.fault.value = f;
    if (f.code === "changed") this.state.value = "changed";
    else if (f.status === 0 || f.status >= 500 || f.status === 429) {
      this.state.value = "offline";
      this.later(later);
    } else this.state.value = turn === this.turn ? "refused" : "waiting";
  }

  private later(ms: number) {
    if (this.state.value === "saved") this.state.value = "waiting";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.save(), ms);
  }

  // keep writes all of it to this device, and what is on its way to the box.
  private keep(sent?: Quiz) {
    this.kept = write({
      ...this.head.value,
      items: this.lines.value.map((l) => l.item),
      updated: this.box.updated,
      sent,
    });
  }
}

// Kept is a quiz as this device keeps it.
type Kept = Quiz & { sent?: Quiz };

// plain is a quiz for comparison: the box gives ids to new questions, trims, and omits what
// is empty.
function plain(q: Quiz): string {
  const shape = (v: unknown): unknown => {
    if (typeof v === "string") return v.trim() || undefined;
    if (Array.isArray(v)) return v.map(shape);
    if (!v || typeof v !== "object") return v || undefined;
    const list = Object.entries(v)
      .map(([k, x]) => [k, shape(x)])
      .filter(([, x]) => x !== undefined);
    return list.length > 0 ? Object.fromEntries(list.sort()) : undefined;
  };
  return JSON.stringify(shape({ ...q, updated: 0, items: q.items.map((i) => ({ ...i, id: "" })) }));
}

const place = (id: string) => `ll:quiz:${id}`;

function read(id: string): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(place(id)) ?? "null");
  } catch {
    return null;
  }
}

function write(q: Kept): boolean {
  try {
    localStorage.setItem(place(q.id), JSON.stringify(q));
    return true;
  } catch {
    return false; // a private window or a full device
  }
}

function erase(id: string) {
  try {
    localStorage.removeItem(place(id));
  } catch {
    // nothing is kept then
  }
}
