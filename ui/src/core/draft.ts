// A quiz while it is being written. Each change is kept on this device at once and goes
// to the box soon after; one save runs at a time. What the box cannot take yet, such as
// a question without its text, stays here, and survives a reload.
import { signal } from "@preact/signals";
import type { Fault } from "./api";
import { prepare, type Quiz } from "./prepare";
import type { Authored } from "./quiz";

const soon = 700; // ms after the last key
const later = 5000; // ms until a box that was away is asked again

export interface Line {
  uid: number; // of this page, so that a moved question keeps its focus
  item: Authored;
}
export type Saving = "saved" | "waiting" | "saving" | "refused" | "changed" | "offline";

let uids = 0;
export const line = (item: Authored): Line => ({ uid: ++uids, item });

export class Draft {
  readonly head;
  readonly lines;
  readonly state = signal<Saving>("saved");
  readonly fault = signal<Fault | null>(null);

  kept = true; // this device holds what is not saved yet
  private updated: number;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private busy = false;
  private turn = 0; // counts changes

  constructor(from: Quiz) {
    const kept = read(from.id);
    const q = kept ?? from;
    const { items, ...head } = q;
    this.head = signal(head);
    this.lines = signal(items.map(line));
    this.updated = from.updated;
    if (!kept) return;
    if (kept.updated === from.updated) this.later(0);
    else this.state.value = "changed";
  }

  // put changes the quiz.
  put(change: { head?: Partial<Omit<Quiz, "items">>; lines?: Line[] }) {
    this.turn++;
    if (change.head) this.head.value = { ...this.head.value, ...change.head };
    if (change.lines) this.lines.value = change.lines;
    this.kept = write(this.whole());
    if (this.state.value === "changed") return; // a person must choose first
    this.state.value = "waiting";
    this.later(soon);
  }

  // keepMine writes over what somebody else has saved.
  async keepMine() {
    try {
      this.updated = (await prepare.quiz(this.head.value.id)).updated;
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

  // save sends what has changed, now.
  async save(): Promise<void> {
    clearTimeout(this.timer);
    if (this.state.value === "saved" || this.state.value === "changed") return;
    if (this.busy) return this.later(soon);
    this.busy = true;
    this.state.value = "saving";
    const [turn, sent] = [this.turn, this.lines.value];
    try {
      const got = await prepare.putQuiz(this.whole());
      this.updated = got.updated;
      this.fault.value = null;
      this.named(sent, got.items);
      this.over(turn, "saved");
    } catch (e) {
      this.failed(turn, e as Fault);
    } finally {
      this.busy = false;
    }
  }

  close() {
    clearTimeout(this.timer);
  }

  private failed(turn: number, f: Fault) {
    this.fault.value = f;
    if (f.code === "changed") this.state.value = "changed";
    else if (f.status === 0 || f.status >= 500 || f.status === 429) {
      this.state.value = "offline";
      this.later(later);
    } else this.over(turn, "refused");
  }

  // over ends a save. A change that came meanwhile has the next one on its way.
  private over(turn: number, state: Saving) {
    if (turn !== this.turn) {
      this.state.value = "waiting";
      this.kept = write(this.whole());
      return;
    }
    this.state.value = state;
    if (state === "saved") erase(this.head.value.id);
  }

  // named takes over the ids that the box gave to new questions.
  private named(sent: Line[], items: Authored[]) {
    const ids = new Map(sent.map((l, i) => [l.uid, items[i]?.id ?? ""]));
    this.lines.value = this.lines.value.map((l) => (l.item.id ? l : { ...l, item: { ...l.item, id: ids.get(l.uid) ?? "" } }));
  }

  private later(ms: number) {
    if (this.state.value === "saved") this.state.value = "waiting";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.save(), ms);
  }

  private whole(): Quiz {
    return { ...this.head.value, items: this.lines.value.map((l) => l.item), updated: this.updated };
  }
}

const place = (id: string) => `ll:quiz:${id}`;

function read(id: string): Quiz | null {
  try {
    return JSON.parse(localStorage.getItem(place(id)) ?? "null");
  } catch {
    return null;
  }
}

function write(q: Quiz): boolean {
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
