// Breakout groups: who is in which one, until when, and what a group says and draws. A page knows
// the chat and the ink of a group when it has asked for them.
import { computed, signal } from "@preact/signals";
import type { Cast, Fact, GroupsGroup, GroupsLine, InkStroke } from "../contract";
import type { Entry, RoomPort } from "./port";

export type Group = GroupsGroup;
export type GroupsCast = Extract<Cast, { name: `groups.${string}` }>;

export interface GroupsView {
  open: boolean;
  ends: number; // ms since 1970 by the box; 0: no timer
  groups: Group[];
  last?: Group[];
}

export class Groups {
  readonly open = signal(false);
  readonly ends = signal(0);
  readonly list = signal<Group[]>([]);
  readonly last = signal<Group[]>([]); // of the lesson before; staff
  readonly lines = signal<{ [group: string]: GroupsLine[] }>({});
  readonly ink = signal<{ [group: string]: InkStroke[] }>({});
  readonly returned = signal(false); // a pupil was called back and has not said OK
  readonly mine = computed(() => {
    const me = this.room.me.value.user;
    return this.open.value ? (this.list.value.find((g) => g.members.includes(me)) ?? null) : null;
  });

  private known = new Set<string>(); // groups whose chat and ink are here

  constructor(private room: Pick<RoomPort, "flash" | "send" | "me" | "status">) {}

  // look makes sure that the chat and the ink of a group are here.
  look(group: string) {
    if (this.known.has(group) || this.room.status.value !== "live") return;
    this.known.add(group);
    this.room.flash("groups.look", { group });
  }

  // draw shows a stroke before the box has answered.
  draw(group: string, stroke: InkStroke) {
    this.put(group, [...(this.ink.value[group] ?? []), stroke]);
    this.room.send("groups.draw", { group, stroke });
  }

  // refuse takes a stroke off the page that the box did not take.
  refuse(entry: Entry) {
    if (entry.event !== "groups.draw") return;
    const { group, stroke } = entry.payload as { group: string; stroke: InkStroke };
    this.erase(group, stroke.id);
  }

  show(v?: GroupsView) {
    this.last.value = v?.last ?? (this.list.value.length ? this.list.value : this.last.value);
    if (this.open.value && !v?.open) this.returned.value = true;
    this.open.value = v?.open ?? false;
    this.ends.value = v?.ends ?? 0;
    this.list.value = v?.groups ?? [];
    this.forget();
  }

  cast(c: GroupsCast) {
    const { group, first, lines, strokes } = c.payload;
    const ink = this.ink.value[group] ?? [];
    const drawn = new Set(strokes.map((s) => s.id));
    this.put(group, [...strokes, ...ink.filter((s) => !drawn.has(s.id))]);
    if (!first) return;
    const said = new Set(lines.map((l) => l.seq));
    const later = (this.lines.value[group] ?? []).filter((l) => !said.has(l.seq));
    this.lines.value = { ...this.lines.value, [group]: [...lines, ...later] };
  }

  take(e: Fact) {
    switch (e.kind) {
      case "groups.made":
        this.list.value = e.data.groups;
        this.forget();
        break;
      case "groups.opened":
        this.list.value = e.data.groups;
        this.open.value = true;
        this.returned.value = false;
        this.ends.value = e.data.seconds ? e.at + e.data.seconds * 1000 : 0;
        this.forget();
        break;
      case "groups.extended":
        this.ends.value = e.at + e.data.left;
        break;
      case "groups.closed":
        this.returned.value = !!this.mine.value;
        this.open.value = false;
        break;
      case "groups.moved":
        this.move(e.data.user, e.data.group);
        break;
      case "groups.said": {
        const { group, text } = e.data;
        const had = this.lines.value[group] ?? [];
        const line = { seq: e.seq, at: e.at, by: e.by, id: e.id, text };
        if (!had.some((l) => l.seq === e.seq))
          this.lines.value = { ...this.lines.value, [group]: [...had.slice(-199), line] };
        break;
      }
      case "groups.removed": {
        const { group, seq } = e.data;
        const rest = (this.lines.value[group] ?? []).filter((l) => l.seq !== seq);
        this.lines.value = { ...this.lines.value, [group]: rest };
        break;
      }
      case "groups.drawn": {
        const { group, stroke } = e.data;
        const had = this.ink.value[group] ?? [];
        if (!had.some((s) => s.id === stroke.id)) this.put(group, [...had, stroke]);
        break;
      }
      case "groups.undone":
        this.erase(e.data.group, e.data.stroke);
        break;
      case "groups.cleared":
        this.put(e.data.group, []);
        break;
    }
  }

  private move(user: string, to: string) {
    this.list.value = this.list.value.map((g) => {
      const rest = g.members.filter((m) => m !== user);
      return { ...g, members: g.id === to ? [...rest, user] : rest };
    });
    if (user === this.room.me.value.user) this.forget();
  }

  private forget() {
    this.known.clear();
    this.lines.value = {};
    this.ink.value = {};
  }

  private put(group: string, strokes: InkStroke[]) {
    this.ink.value = { ...this.ink.value, [group]: strokes };
  }

  private erase(group: string, stroke: string) {
    this.put(
      group,
      (this.ink.value[group] ?? []).filter((s) => s.id !== stroke),
    );
  }
}
