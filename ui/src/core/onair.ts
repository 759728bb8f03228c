// What the lesson says of pictures and sound: who is on air, invited, muted, remote, and
// whether it is recorded. The media itself is core/call.ts, which is loaded when it is used.
import { computed, signal } from "@preact/signals";
import type { Fault } from "./api";
import type { Room } from "./room";

export type Source = "camera" | "microphone" | "screen";
export interface Shown { user: string; source: Source }
export interface Muted extends Shown { by: string }

export class OnAir {
  readonly place = signal("room");
  readonly remote = signal<string[]>([]);
  readonly invited = signal<{ [user: string]: Source[] }>({});
  readonly muted = signal<Muted[]>([]);
  readonly list = signal<Shown[]>([]);
  readonly recording = signal<{ on: boolean; pupils?: boolean } | null>(null);
  readonly mine = computed(() => this.invited.value[this.room.me.value.user] ?? []);
  hear: (event: string, payload: any) => void = () => {}; // what comes to this connection alone

  constructor(private room: Room) {}

  show(v: any) {
    this.place.value = v?.place || "room";
    this.remote.value = v?.remote ?? [];
    this.invited.value = v?.invited ?? {};
    this.muted.value = v?.muted ?? [];
    this.list.value = v?.onair ?? [];
    this.recording.value = v?.recording ?? null;
  }

  take(kind: string, e: any) {
    const d = e.data;
    const others = <T extends Shown>(list: T[]) => list.filter((s) => s.user !== d.user || s.source !== d.source);
    switch (kind) {
      case "call.placed": {
        const user = d.user || e.by;
        if (user === this.room.me.value.user) this.place.value = d.place;
        this.remote.value = [...this.remote.value.filter((u) => u !== user), ...(d.place === "remote" ? [user] : [])];
        break;
      }
      case "call.invited":
        this.invited.value = { ...this.invited.value, [d.user]: d.sources ?? [] };
        break;
      case "call.stopped":
        this.invited.value = {};
        break;
      case "call.muted":
        this.muted.value = [...others(this.muted.value), ...(d.on ? [d] : [])];
        break;
      case "call.started":
        this.list.value = [...others(this.list.value), { user: d.user, source: d.source }];
        break;
      case "call.ended":
        this.list.value = others(this.list.value);
        break;
      case "call.recorded":
        this.recording.value = d.on ? { on: true, pupils: d.pupils } : null;
        if (d.err && this.room.me.value.role === "teacher") this.room.fault.value = { code: d.err, reason: "down" } as Fault;
        break;
    }
  }
}
