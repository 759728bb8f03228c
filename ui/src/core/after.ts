// What comes after a lesson, and what an admin does: results, people, settings, history.
import { Fault, call, faultOf, type Me } from "./api";
import type { Job } from "./prepare";
import type { Kind, Option, Response } from "./quiz";

const enc = encodeURIComponent;

export interface Results {
  lesson: { id: string; title: string; className: string; started: number; ended: number };
  attendance: { user: string; name: string; came: number; ms: number; times: number; absent?: boolean }[];
  items: Question[];
  pupils: Pupil[];
  hardest: string[];
  help: { user: string; why: string[] }[];
}
// A recorded lesson; times are ms since the lesson began. See services/capsule.
export interface Capsule {
  lesson: string;
  title: string;
  duration_ms: number;
  parts: CapsulePart[];
  chapters: { at_ms: number; kind: "slide" | "board" | "question"; title: string; page?: number }[];
  events: string; // file
}
export interface CapsulePart {
  file: string;
  name: string;
  role: string;
  source: string;
  type: string;
  start_ms: number;
  duration_ms: number; // 0: not known
}
export interface CapsuleEvent {
  at_ms: number;
  kind: string;
  data?: any;
}
export interface Question {
  id: string;
  kind: Kind;
  title: string;
  text: string;
  points: number;
  graded: boolean;
  asked: number;
  answered: number;
  fraction: number; // 0 to 1
  options: Option[];
  counts: { [option: string]: number };
  texts: { text: string; n: number }[];
  right: string[];
}
export interface Pupil {
  user: string;
  name: string;
  absent?: boolean;
  score: number;
  max: number;
  answered: number;
  items: { [item: string]: { fraction: number; points: number; response: Response } };
}
export interface Staff {
  id: string;
  name: string;
  admin: boolean;
}
export interface Settings {
  name: string;
  lang: string;
  chat_days: number;
  results_days: number;
}
export interface History {
  at: number[];
  chat_p99_ms: (number | null)[];
  load: (number | null)[];
  memory_mb: (number | null)[];
  sockets: (number | null)[];
}

// A media server and how busy it is.
export interface MediaServer {
  name: string;
  standing: "charge" | "standby" | "draining" | "starting" | "away";
  restarts: number;
  load: { publishers: number; watchers: number; capacity: number; cpu: number; path: string; gso: boolean; profile: string; packetsOut: number; dropped: number; retransmits: number };
}

// The system that runs, the one that comes, and how the last update went. See services/update.
export interface Update {
  supported: boolean;
  why?: string;
  version: string;
  build: number;
  slot?: string;
  trying: boolean;
  state: "idle" | "receiving" | "received" | "scheduled" | "restarting" | "trying";
  source?: string;
  received: number; // bytes
  total: number;
  reused: number;
  next?: { version: string; build: number; notes?: string; size: number };
  when?: "idle" | "night";
  kept?: { version?: string; slot: string };
  last?: { version: string; from: string; at: string; result: "committed" | "rolled_back" | "refused"; code?: string; reason?: string };
  channel?: { url: string; version?: string; percent: number; mine: boolean; err?: string };
  neighbours: { name: string; version: string; url: string }[];
  sticks: { path: string; name: string; version?: string }[];
}

// How this start of the machine went. See firmware/appliance/door.
export interface Boot {
  slot: string;
  name: string;
  phases: { name: string; took: number; note?: string; err?: string }[]; // took: ns
  ready: number; // seconds
  failures?: { at: string; what: string; why: string; tail?: string }[];
  clock: string;
  before?: string[];
}

// How the box is on the network. See services/network.
export interface Network {
  config: { mode: "guest" | "own" | "ap"; ssid?: string; key?: string; [more: string]: unknown };
  ports: { name: string; up: boolean; address?: string[] }[];
  code?: string;
  text?: string;
  undo?: number; // seconds
  leases: number;
}
// How the link to the cloud is. See services/cloud.
export interface Cloud {
  supported: boolean;
  box: string; // id
  way: "" | "https" | "postgres" | "stick";
  where: string;
  school: string;
  state: "off" | "idle" | "sending" | "offline" | "cloud_older" | "box_older" | "revoked" | "stranger";
  code?: string;
  text?: string;
  last: number; // 0: never
  next?: number;
  queue: number;
  rate: number; // facts a second
  eta: number; // seconds
  dead: number;
  policy: { names: boolean; chat: boolean };
  notes: { code: string; at: number; what: string; n: number }[];
}

// A fact that the cloud could not store.
export interface DeadFact {
  incarnation: string;
  pos: number;
  stream: string;
  kind: string;
  code: string;
  text: string;
  at: number;
}
type Machine<T> = { supported: boolean; state?: T };

// sendUpdate sends a bundle from where the box wants it to go on.
const sendUpdate = (file: File, from: number) => send("PUT", "/api/admin/update/bundle", file.slice(from), { "Upload-Offset": String(from) });

// send sends a file as it is.
async function send(method: string, path: string, body: Blob, headers: { [name: string]: string } = {}): Promise<void> {
  let resp: globalThis.Response;
  try {
    resp = await fetch(path, { method, credentials: "same-origin", headers, body });
  } catch {
    throw new Fault(0, "down", "offline");
  }
  if (!resp.ok) throw faultOf(await resp.json().catch(() => undefined), resp.status);
}

export const after = {
  update: () => call<Update>("GET", "/api/admin/update"),
  sendUpdate,
  fetchUpdate: (from: { url?: string; stick?: string }) => call<void>("POST", "/api/admin/update/fetch", from),
  installUpdate: (when: string) => call<void>("POST", "/api/admin/update/install", { when }),
  forgetUpdate: () => call<void>("DELETE", "/api/admin/update"),
  rollBack: () => call<void>("POST", "/api/admin/update/rollback"),
  inCloud: () => call<{ linked: boolean; waiting: number }>("GET", "/api/cloud"),
  cloud: () => call<Cloud>("GET", "/api/admin/cloud"),
  linkCloud: (link: string) => call<void>("POST", "/api/admin/cloud/link", { link }),
  leaveCloud: () => call<void>("DELETE", "/api/admin/cloud/link"),
  syncCloud: () => call<void>("POST", "/api/admin/cloud/sync"),
  dead: () => call<DeadFact[]>("GET", "/api/admin/cloud/dead"),
  retryDead: (d: DeadFact, repair: boolean) => call<void>("POST", "/api/admin/cloud/dead/retry", { incarnation: d.incarnation, pos: d.pos, repair }),
  stickFile: "/api/admin/cloud/export",
  sendReply: (file: File) => send("POST", "/api/admin/cloud/reply", file),
  boot: () => call<Machine<Boot>>("GET", "/api/admin/boot"),
  network: () => call<Machine<Network>>("GET", "/api/admin/network"),
  setNetwork: (config: Network["config"]) => call<void>("PUT", "/api/admin/network", config),
  keepNetwork: () => call<void>("POST", "/api/admin/network/keep"),
  restart: (what: string, force: boolean) => call<void>("POST", "/api/admin/restart", { what, force }),
  nodes: () => call<MediaServer[]>("GET", "/api/admin/media"),
  drain: (node: string) => call<void>("POST", `/api/admin/media/${enc(node)}/drain`, {}),
  capsule: async (lesson: string) => {
    const index = await call<Capsule>("GET", `/api/lessons/${enc(lesson)}/capsule`);
    const { events } = await call<{ events: CapsuleEvent[] }>("GET", `/recordings/${enc(lesson)}/${enc(index.events)}`);
    return { index, events };
  },
  results: (lesson: string) => call<Results>("GET", `/api/lessons/${enc(lesson)}/results`),
  makeResults: (lesson: string) => call<Job>("POST", `/api/lessons/${enc(lesson)}/results`),
  file: (lesson: string, ext: "csv" | "xlsx") => `/api/lessons/${enc(lesson)}/results.${ext}`,
  staff: () => call<Staff[]>("GET", "/api/staff"),
  addStaff: (s: { name: string; pin: string; admin: boolean }) => call<Staff>("POST", "/api/staff", s),
  changeStaff: (id: string, s: { name?: string; admin?: boolean }) => call<Staff>("PATCH", `/api/staff/${enc(id)}`, s),
  setPIN: (id: string, pin: string) => call<void>("POST", `/api/staff/${enc(id)}/pin`, { pin }),
  deleteStaff: (id: string) => call<void>("DELETE", `/api/staff/${enc(id)}`),
  myPIN: (old: string, pin: string) => call<Me>("POST", "/api/pin", { old, new: pin }),
  settings: () => call<Settings>("GET", "/api/admin/settings"),
  putSettings: (s: Partial<Settings>) => call<Settings>("PATCH", "/api/admin/settings", s),
  history: () => call<History>("GET", "/api/admin/history"),
  erase: (pupil: string, name: string) => call<Job>("POST", `/api/pupils/${enc(pupil)}/erase`, { name }),
  exportFile: (pupil: string) => `/api/pupils/${enc(pupil)}/export`,
};
