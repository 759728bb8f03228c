// The HTTP API. Every call gives its value or throws a Fault.

// Fault is an error as the box tells it: reason says who acts, code what to show.
export class Fault extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    readonly code = "",
    readonly field = "",
    readonly limit = 0,
    readonly retryMs = 0,
    message = "",
  ) {
    super(message || code || reason);
  }
}

// faultOf reads a refusal of the socket or of HTTP.
export function faultOf(body: any, status = 0): Fault {
  return new Fault(status, body?.reason ?? "down", body?.code, body?.field, body?.limit, body?.retry_ms, body?.message);
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let resp: Response;
  try {
    resp = await fetch(path, {
      method,
      credentials: "same-origin",
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new Fault(0, "down", "offline");
  }
  const text = await resp.text();
  let data: any;
  try {
    data = text ? JSON.parse(text) : undefined;
  } catch {
    data = undefined;
  }
  if (!resp.ok) throw faultOf(data, resp.status);
  return data as T;
}

export interface Me {
  role: "none" | "pupil" | "teacher";
  user?: string;
  name?: string;
  admin: boolean;
}
export interface State {
  box: { name: string; lang: string; claimed: boolean; version: string };
  secure: boolean;
  me: Me;
  room?: string;
  addresses: string[];
  clock?: { now: number; trusted: boolean };
  https: string[];
}
export interface Pupil {
  id: string;
  name: string;
  time?: number; // times as long to answer: 1 to 3
}
export interface Class {
  id: string;
  name: string;
  pupils: Pupil[];
}
export interface Problem {
  line: number;
  text: string;
  code: string;
  message: string;
}
export interface Added {
  added: Pupil[];
  unchanged: string[];
  problems: Problem[];
}
export interface Lesson {
  id: string;
  room: string;
  class: string;
  className: string;
  title: string;
  code?: string;
  key?: string;
  link?: string;
  started: number;
  ended?: number;
}
export interface Person {
  id: string;
  name: string;
  role: "pupil" | "teacher";
}
export interface Name {
  id: string;
  name: string;
  taken: boolean;
}
export interface Look {
  lesson: { id: string; title: string; className: string };
  names: Name[];
}
export interface Check {
  name: string;
  level: "ok" | "warn" | "fail";
  code?: string;
  text?: string;
  since: string;
}
export interface Node {
  name: string;
  state: string;
  restarts: number;
  since: string;
  last_error?: string;
  count?: number;
  children?: Node[];
}
export interface Crash {
  path: string;
  child: string;
  error: string;
  last?: string;
  restarts: number;
  at: string;
  decision: string;
  stack?: string;
}
export interface Letter {
  id: string;
  room: string;
  kind: string;
  by: string;
  seq: number;
  data: unknown;
  err: string;
  stack?: string;
  job?: string;
  title?: string;
  at: number;
}

const enc = encodeURIComponent;

export const api = {
  state: () => call<State>("GET", "/api/state"),
  claim: (b: { code: string; box: string; name: string; pin: string; lang: string }) => call<Me>("POST", "/api/claim", b),
  login: (name: string, pin: string) => call<Me>("POST", "/api/login", { name, pin }),
  logout: () => call<void>("POST", "/api/logout", {}),
  classes: () => call<Class[]>("GET", "/api/classes"),
  addClass: (name: string) => call<Class>("POST", "/api/classes", { name }),
  renameClass: (id: string, name: string) => call<Class>("PATCH", `/api/classes/${enc(id)}`, { name }),
  deleteClass: (id: string) => call<void>("DELETE", `/api/classes/${enc(id)}`),
  addPupils: (id: string, text: string, dry: boolean) => call<Added>("POST", `/api/classes/${enc(id)}/pupils`, { text, dry }),
  setTime: (id: string, pupil: string, time: number) =>
    call<Pupil>("PATCH", `/api/classes/${enc(id)}/pupils/${enc(pupil)}`, { time }),
  renamePupil: (id: string, pupil: string, name: string) =>
    call<Pupil>("PATCH", `/api/classes/${enc(id)}/pupils/${enc(pupil)}`, { name }),
  deletePupil: (id: string, pupil: string) => call<void>("DELETE", `/api/classes/${enc(id)}/pupils/${enc(pupil)}`),
  lessons: () => call<Lesson[]>("GET", "/api/lessons"),
  startLesson: (cls: string, title: string) => call<Lesson>("POST", "/api/lessons", { class: cls, title }),
  endLesson: (id: string) => call<Lesson>("POST", `/api/lessons/${enc(id)}/end`, {}),
  release: (id: string, pupil: string) => call<void>("POST", `/api/lessons/${enc(id)}/release`, { pupil }),
  qr: (id: string) => `/api/lessons/${enc(id)}/qr.svg`,
  look: (ref: { code?: string; key?: string }) => call<Look>("POST", "/api/join/look", ref),
  join: (ref: { code?: string; key?: string }, pupil: string) => call<Me>("POST", "/api/join", { ...ref, pupil }),
  joinCard: (card: string) => call<Me>("POST", "/api/join", { card }),
  lesson: (room?: string) =>
    call<{ lesson: Lesson; people: Person[] }>("GET", "/api/lesson" + (room ? `?room=${enc(room)}` : "")),
  health: () => call<Check[]>("GET", "/api/admin/health"),
  tree: () => call<Node>("GET", "/api/admin/tree"),
  crashes: () => call<Crash[]>("GET", "/api/admin/crashes"),
  letters: () => call<Letter[]>("GET", "/api/admin/letters"),
  retryLetter: (id: string) => call<void>("POST", `/api/admin/letters/${enc(id)}/retry`, {}),
  dropLetter: (id: string) => call<void>("POST", `/api/admin/letters/${enc(id)}/drop`, {}),
  log: () => call<string[]>("GET", "/api/admin/log"),
};
