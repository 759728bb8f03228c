// What the lesson says of pictures and sound: who is on air, invited, muted, remote, and
// whether it is recorded. The media itself is state/call.ts, which is loaded when it is used.
import { computed, signal } from "@preact/signals";
import type { CallSourceData, Cast, Fact, MediaSource } from "../contract";
import type { Fault } from "../api/http";
import type { RoomPort } from "./port";

export type Source = MediaSource;
export type Shown = CallSourceData;
export type Muted = Shown & { by?: string };
export type CallCast = Extract<Cast, { name: `call.${string}` }>;

// CallView is pictures and sound on joining.
export interface CallView {
  place: string;
  remote?: string[]; // staff
  invited: { [user: string]: Source[] };
  muted: Muted[];
  onair: Shown[];
  recording: { on: boolean; pupils?: boolean } | null;
}

export class OnAir {
  readonly place = signal("room");
  readonly remote = signal<string[]>([]);
  readonly invited = signal<{ [user: string]: Source[] }>({});
  readonly muted = signal<Muted[]>([]);
  readonly list = signal<Shown[]>([]);
  readonly recording = signal<{ on: boolean; pupils?: boolean } | null>(null);
  readonly mine = computed(() => this.invited.value[this.room.me.value.user] ?? []);
  hear: (c: CallCast) => void = () => {}; // what comes to this connection alone

  constructor(private room: Pick<RoomPort, "me" | "fault">) {}

  show(v?: CallView | null) {
    this.place.value = v?.place || "room";
    this.remote.value = v?.remote ?? [];
    this.invited.value = v?.invited ?? {};
    this.muted.value = v?.muted ?? [];
    this.list.value = v?.onair ?? [];
    this.recording.value = v?.recording ?? null;
  }

  take(e: Fact) {
    const others = <T extends Shown>(list: T[], d: Shown) =>
      list.filter((s) => s.user !== d.user || s.source !== d.source);
    switch (e.kind) {
      case "call.placed": {
        const { user, place } = e.data;
        if (user === this.room.me.value.user) this.place.value = place;
        this.remote.value = [...this.remote.value.filter((u) => u !== user), ...(place === "remote" ? [user] : [])];
        break;
      }
      case "call.invited":
        this.invited.value = { ...this.invited.value, [e.data.user]: e.data.sources };
        break;
      case "call.stopped":
        this.invited.value = {};
        break;
      case "call.muted":
        this.muted.value = [...others(this.muted.value, e.data), ...(e.data.on ? [e.data] : [])];
        break;
      case "call.started":
        this.list.value = [...others(this.list.value, e.data), e.data];
        break;
      case "call.ended":
        this.list.value = others(this.list.value, e.data);
        break;
      case "call.recorded":
        this.recording.value = e.data.on ? { on: true, pupils: e.data.pupils } : null;
        if (e.data.err && this.room.me.value.role === "teacher")
          this.room.fault.value = { code: e.data.err, reason: "down" } as Fault;
        break;
    }
  }
}
