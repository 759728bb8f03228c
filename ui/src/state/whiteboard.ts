// What the class looks at: the page of a deck or a whiteboard, with ink on it.
import { signal } from "@preact/signals";
import type { Cast, FactData, InkStroke, WhiteboardLoadedData, WhiteboardPage, WhiteboardShownPage } from "../contract";
import type { RoomPort } from "./port";

export type Page = WhiteboardPage;
export type Shown = WhiteboardShownPage;
export type Stroke = InkStroke; // its points: see services/ink
export type Deck = WhiteboardLoadedData;

// WhiteboardView is the board on joining.
export interface WhiteboardView {
  surface: string;
  page: Shown | null;
  follow: boolean;
  deck: string;
  pages: Page[];
  boards: number;
  strokes: Stroke[];
  cut: boolean;
  decks?: Deck[]; // staff
}
export type WhiteboardCast = Extract<Cast, { name: `board.${string}` }>;

// unpackPoints gives x, y (0 to 10000) and pressure (0 to 1) of each point.
export function unpackPoints(points: string): [number, number, number][] {
  const out: [number, number, number][] = [];
  let x = 0,
    y = 0,
    p = 0;
  const parts = points.split(" ");
  for (let i = 0; i + 2 < parts.length; i += 3) {
    x += parseInt(parts[i]!, 36);
    y += parseInt(parts[i + 1]!, 36);
    p += parseInt(parts[i + 2]!, 36);
    out.push([x, y, p / 100]);
  }
  return out;
}

export function packPoints(points: [number, number, number][]): string {
  let x = 0,
    y = 0,
    p = 0;
  const whole = (v: number, most: number) => Math.min(most, Math.max(0, Math.round(v)));
  return points
    .map((at) => {
      const [nx, ny, np] = [whole(at[0], 10000), whole(at[1], 10000), whole(at[2] * 100, 100)];
      const text = `${(nx - x).toString(36)} ${(ny - y).toString(36)} ${(np - p).toString(36)}`;
      [x, y, p] = [nx, ny, np];
      return text;
    })
    .join(" ");
}

// imageURL is the address of a page's picture that is at least so wide, if there is one.
export function imageURL(deck: string, page: Page, width: number): string {
  const widths = page.widths ?? [page.w];
  const fit = widths.find((w) => w >= width) ?? widths.at(-1);
  return `/slides/${encodeURIComponent(deck)}/${page.key}-${fit}.${page.ext ?? "jpg"}`;
}

export class Whiteboard {
  readonly surface = signal(""); // what the teacher shows; "": nothing
  readonly page = signal<Shown | null>(null); // of a deck
  readonly follow = signal(true);
  readonly deck = signal(""); // whose pages may be browsed
  readonly pages = signal<Page[]>([]);
  readonly boards = signal(0); // whiteboards so far
  readonly ink = signal<{ [surface: string]: Stroke[] }>({});
  readonly laser = signal<{ x: number; y: number } | null>(null);
  readonly decks = signal<Deck[]>([]); // staff

  private known = new Set<string>(); // surfaces whose ink is here as a whole

  constructor(private room: Pick<RoomPort, "flash">) {}

  // look makes sure that the ink of a surface is here.
  look(surface: string) {
    if (!surface || this.known.has(surface)) return;
    this.known.add(surface);
    this.room.flash("board.look", { surface });
  }

  show(v?: WhiteboardView | null) {
    this.surface.value = v?.surface ?? "";
    this.page.value = v?.page ?? null;
    this.follow.value = v?.follow ?? true;
    this.deck.value = v?.deck ?? "";
    this.pages.value = v?.pages ?? [];
    this.boards.value = v?.boards ?? 0;
    this.decks.value = v?.decks ?? [];
    this.laser.value = null;
    this.known.clear();
    this.ink.value = this.surface.value ? { [this.surface.value]: v?.strokes ?? [] } : {};
    if (!v?.cut) this.known.add(this.surface.value);
    if (v?.surface === undefined) return;
    queueMicrotask(() => this.look(this.surface.value));
  }

  cast(c: WhiteboardCast) {
    if (c.name === "board.pointed") {
      this.laser.value = c.payload.on ? { x: c.payload.x, y: c.payload.y } : null;
      return;
    }
    const p = c.payload;
    const had = this.ink.value[p.surface] ?? [];
    const ids = new Set(had.map((s) => s.id));
    this.put(p.surface, [...p.strokes.filter((s) => !ids.has(s.id)), ...had]);
    const oldest = this.ink.value[p.surface]?.[0];
    if (p.more && oldest) this.room.flash("board.look", { surface: p.surface, before: oldest.id });
  }

  take(e: FactData) {
    switch (e.kind) {
      case "board.loaded":
        this.decks.value = [...this.decks.value, e.data];
        break;
      case "board.shown": {
        const { surface, page } = e.data;
        this.surface.value = surface;
        this.page.value = page ?? null;
        this.laser.value = null;
        if (surface.startsWith("w:")) this.boards.value = Math.max(this.boards.value, Number(surface.slice(2)));
        this.look(surface);
        break;
      }
      case "board.followed":
        this.follow.value = e.data.on;
        this.deck.value = e.data.deck ?? "";
        this.pages.value = e.data.pages ?? [];
        break;
      case "board.drawn": {
        const { surface, stroke } = e.data;
        const had = this.ink.value[surface] ?? [];
        if (!had.some((s) => s.id === stroke.id)) this.put(surface, [...had, stroke]);
        break;
      }
      case "board.undone": {
        const { surface, stroke } = e.data;
        this.put(
          surface,
          (this.ink.value[surface] ?? []).filter((s) => s.id !== stroke),
        );
        break;
      }
      case "board.cleared":
        this.put(e.data.surface, []);
        break;
    }
  }

  // put sets the ink of a surface; the drawing hand does so before the box has answered.
  put(surface: string, strokes: Stroke[]) {
    this.ink.value = { ...this.ink.value, [surface]: strokes };
  }
}
