// The clock of a recorded lesson, and its scene: what the room showed at a time.
import { signal } from "@preact/signals";
import type {
  QuizOpenedData,
  QuizRevealedData,
  WhiteboardClearedData,
  WhiteboardDrawnData,
  WhiteboardShownData,
  WhiteboardUndoneData,
} from "../../contract";
import type { CapsuleEvent } from "../../api/results";
import { Whiteboard } from "../../state/whiteboard";

// The data of the events chat, question and reveal: see services/playback/events.go.
export interface CapsuleChat {
  role: string;
  name?: string;
  text: string;
  removed?: boolean;
}
export type CapsuleQuestion = Pick<QuizOpenedData, "round" | "items" | "seconds" | "paced">;
export type CapsuleReveal = Pick<QuizRevealedData, "round" | "item" | "keys" | "counts" | "answered" | "pins">;

export const speeds = [0.75, 1, 1.25, 1.5, 2];
const patience = 5000; // ms

// Fault is why a file of the recording does not play.
export type MediaFault = "unplayable" | "away";

// Timeline is the clock, in ms since the lesson began.
export class Timeline {
  readonly now = signal(0);
  readonly playing = signal(false);
  readonly speed = signal(1);
  readonly muted = signal(false);
  readonly blocked = signal(false); // the browser wants another press before it plays sound
  readonly faults = signal<{ [file: string]: MediaFault }>({});
  private last = 0;
  private frame = 0;
  private waiting = new Set<string>(); // media that is not there yet
  private stalled = 0; // ms that the clock has waited for it

  constructor(
    readonly length: number,
    first: number,
  ) {
    this.now.value = first;
  }

  play(on: boolean) {
    if (on && this.now.value >= this.length) this.now.value = 0;
    this.playing.value = on;
    this.last = performance.now();
    cancelAnimationFrame(this.frame);
    if (on) this.frame = requestAnimationFrame(this.tick);
  }

  // wait holds the clock for media that loads or seeks, for a while: a slow disk or device
  // must not let the lesson run away from its picture.
  wait(file: string, on: boolean) {
    if (on) this.waiting.add(file);
    else this.waiting.delete(file);
    if (this.waiting.size === 0) this.stalled = 0;
  }

  fail(file: string, fault: MediaFault | null) {
    const { [file]: _, ...rest } = this.faults.value;
    this.faults.value = fault ? { ...rest, [file]: fault } : rest;
  }

  block(on: boolean) {
    this.blocked.value = on;
  }

  seek(to: number) {
    this.now.value = Math.min(this.length, Math.max(0, to));
  }

  step(by: number) {
    this.seek(this.now.value + by);
  }

  faster(by: 1 | -1) {
    const at = speeds.indexOf(this.speed.value) + by;
    this.speed.value = speeds[Math.min(speeds.length - 1, Math.max(0, at))]!;
  }

  close() {
    cancelAnimationFrame(this.frame);
  }

  private tick = () => {
    const now = performance.now();
    if (this.waiting.size > 0 && this.stalled < patience) this.stalled += now - this.last;
    else this.seek(this.now.value + (now - this.last) * this.speed.value);
    this.last = now;
    if (this.now.value >= this.length) this.playing.value = false;
    else this.frame = requestAnimationFrame(this.tick);
  };
}

// Scene is the events up to a time, folded.
export class Scene {
  readonly board: Whiteboard;
  readonly chat = signal<(CapsuleChat & { at: number })[]>([]);
  readonly question = signal<CapsuleQuestion | null>(null);
  readonly told = signal<CapsuleReveal | null>(null);
  private at = 0; // events taken
  private time = -1;

  constructor(private events: CapsuleEvent[]) {
    this.board = new Whiteboard({ flash() {} });
  }

  show(time: number) {
    if (time < this.time) {
      this.at = 0;
      this.board.show(null);
      this.chat.value = [];
      this.question.value = this.told.value = null;
    }
    this.time = time;
    const said = [...this.chat.value];
    for (; this.at < this.events.length && this.events[this.at]!.at_ms <= time; this.at++) {
      const e = this.events[this.at]!;
      const d: object = e.data ?? {};
      switch (e.kind) {
        case "show":
          this.board.take({ kind: "board.shown", data: d as WhiteboardShownData });
          break;
        case "ink":
          this.board.take({ kind: "board.drawn", data: d as WhiteboardDrawnData });
          break;
        case "undo":
          this.board.take({ kind: "board.undone", data: d as WhiteboardUndoneData });
          break;
        case "clear":
          this.board.take({ kind: "board.cleared", data: d as WhiteboardClearedData });
          break;
        case "chat":
          said.push({ at: e.at_ms, ...(d as CapsuleChat) });
          break;
        case "question":
          this.question.value = d as CapsuleQuestion;
          this.told.value = null;
          break;
        case "reveal":
          this.told.value = addReveal(this.told.value, d as CapsuleReveal);
          break;
        case "closed":
          this.question.value = null;
          break;
      }
    }
    if (said.length !== this.chat.value.length) this.chat.value = said;
  }
}

// addReveal joins the reveals of the questions of one round.
function addReveal(had: CapsuleReveal | null, more: CapsuleReveal): CapsuleReveal {
  if (had?.round !== more.round) return more;
  return {
    ...more,
    keys: { ...had.keys, ...more.keys },
    counts: { ...had.counts, ...more.counts },
    answered: { ...had.answered, ...more.answered },
    pins: { ...had.pins, ...more.pins },
  };
}
