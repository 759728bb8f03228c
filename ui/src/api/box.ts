// What every page asks the box for: who one is, classes, lessons, joining.
import { call } from "./http";
import type {
  Authority,
  Door,
  InCloud,
  LessonView,
  LobbyView as Lobby,
  LookOut as Look,
  Me,
  RosterAdded as Added,
  RosterClass as Class,
  RosterLesson as Lesson,
  RosterMember as Person,
  RosterName as Name,
  RosterPupil as Pupil,
  RosterTicket as Ticket,
  State,
} from "./schema";

export type { Added, Authority, Class, Door, Lesson, Lobby, Look, Me, Name, Person, Pupil, Ticket };

export type BoxState = State;

const enc = encodeURIComponent;

export const api = {
  state: () => call<BoxState>("GET", "/api/state"),
  authority: () => call<Authority>("GET", "/api/authority"),
  claim: (b: { code: string; box: string; name: string; pin: string; lang: string }) =>
    call<Me>("POST", "/api/claim", { ...b, zone: Intl.DateTimeFormat().resolvedOptions().timeZone }),
  login: (name: string, pin: string) => call<Me>("POST", "/api/login", { name, pin }),
  door: () => call<Door>("GET", "/api/door"),
  useDoor: (box: string) => call<Door>("POST", "/api/door", { box }),
  logout: () => call<void>("POST", "/api/logout", {}),
  classes: () => call<Class[]>("GET", "/api/classes"),
  addClass: (name: string) => call<Class>("POST", "/api/classes", { name }),
  renameClass: (id: string, name: string) => call<Class>("PATCH", `/api/classes/${enc(id)}`, { name }),
  deleteClass: (id: string) => call<void>("DELETE", `/api/classes/${enc(id)}`),
  addPupils: (id: string, text: string, dry: boolean) =>
    call<Added>("POST", `/api/classes/${enc(id)}/pupils`, { text, dry }),
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
  remoteQR: (id: string) => `/api/lessons/${enc(id)}/remote.svg`,
  look: (ref: { code?: string; key?: string }) => call<Look>("POST", "/api/join/look", ref),
  join: (ref: { code?: string; key?: string }, pupil: string) => call<Me>("POST", "/api/join", { ...ref, pupil }),
  joinCard: (card: string) => call<Me>("POST", "/api/join", { card }),
  ask: (ref: { code?: string; key?: string }, pupil: string) =>
    call<{ ticket: string }>("POST", "/api/join/ask", { ...ref, pupil }),
  ticket: (ticket: string) => call<Ticket>("POST", "/api/join/ticket", { ticket }),
  leaveLobby: (ticket: string) => call<void>("POST", "/api/join/leave", { ticket }),
  joinTicket: (ticket: string) => call<Me>("POST", "/api/join", { ticket }),
  lobby: (id: string) => call<Lobby>("GET", `/api/lessons/${enc(id)}/lobby`),
  setLobby: (id: string, open: boolean) => call<Lobby>("PUT", `/api/lessons/${enc(id)}/lobby`, { open }),
  answerWaiting: (id: string, waiting: string[], what: "admit" | "refuse") =>
    call<Lobby>("POST", `/api/lessons/${enc(id)}/lobby/${what}`, { waiting }),
  lesson: (room?: string) => call<LessonView>("GET", `/api/lesson${room ? `?room=${enc(room)}` : ""}`),
  inCloud: () => call<InCloud>("GET", "/api/cloud"),
};
