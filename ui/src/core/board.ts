// What the class looks at: the page of a deck or a whiteboard, with ink on it.
import { signal } from "@preact/signals";
import type { Room } from "./room";

export interface PageRef {
  deck: string;
  index: number;
  of: number;
  key: string;
  w: number;
  h: number;
  ext?: string;
  text?: string;
}
export interface Stroke {
  id: string;
  tool: "pen" | "marker" | "line" | "rect" | "ellipse" | "arrow";
  color: number;
  size: number;
  points: string;
}
export interface DeckRef {
  deck: string;
  title: string;
  pages: { key: string; w: number; h: number; ext?: string; text?: string }[];
}

export class Board {
  readonly surface = signal(""); // what the teacher shows; "": nothing
  readonly page = signal<PageRef | null>(null); // of a deck
  readonly follow = signal(true);
  readonly pages = signal<DeckRef["pages"]>([]); // free browsing: all of the shown deck
  readonly strokes = signal<{ [surface: string]: Stroke[] }>({});
  readonly laser = signal<{ x: number; y: number } | null>(null);
  readonly decks = signal<DeckRef[]>([]); // staff

  constructor(readonly room: Room) {}

  show(_view: any) {}
  take(_kind: string, _event: any) {}
  cast(_name: string, _payload: any) {}
}
