// What a lesson is made of beforehand: quizzes, decks, class lists; and background jobs.
import { call, Fault, faultOf, type Lesson } from "./api";
import type { Authored } from "./quiz";

const enc = encodeURIComponent;

export interface Job {
  id: string;
  kind: string;
  title: string;
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  phase?: string;
  done: number;
  total: number;
  tries: number;
  created: number;
  started?: number;
  ended?: number;
  eta: number; // ms that are left; -1: unknown
  error?: { reason: string; code?: string; field?: string; limit?: number };
}
export interface Summary {
  id: string;
  title: string;
  count: number;
  updated: number;
}
export interface Quiz {
  id: string;
  title: string;
  speed: boolean;
  paced: "teacher" | "pupil";
  board: boolean;
  items: Authored[];
  updated: number;
}
export interface Deck {
  id: string;
  title: string;
  pages: { key: string; w: number; h: number; widths?: number[]; ext?: string; text?: string }[];
  state: "ready" | "making" | "failed";
  job?: string;
  error?: { reason: string; code?: string; limit?: number };
}
export interface GiftProblem {
  line: number;
  code: string;
  message: string;
  text: string;
}
export interface Imported {
  classes: {
    id?: string;
    name: string;
    added: { name: string }[];
    changed: { id: string; from: string; to: string }[];
    unchanged: string[];
    missing: { id: string; name: string }[];
  }[];
  problems: { file: string; line: number; text: string; code: string; message: string }[];
}

// upload sends a file as it is, or several as a form, and tells how far it is, 0 to 1.
export function upload<T>(path: string, file: Blob | FormData, progress: (part: number) => void = () => {}, stop?: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest();
    x.open("POST", path);
    if (file instanceof Blob) x.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    x.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total);
    x.onerror = () => reject(new Fault(0, "down", "offline"));
    x.onabort = () => reject(new Fault(0, "stopped", "aborted"));
    x.onload = () => {
      let body: any;
      try {
        body = JSON.parse(x.responseText);
      } catch {
        body = undefined;
      }
      if (x.status >= 200 && x.status < 300) resolve(body as T);
      else reject(faultOf(body, x.status));
    };
    stop?.addEventListener("abort", () => x.abort());
    x.send(file);
  });
}

// together is the body for one file, or for pictures that make one deck.
function together(files: File[]): Blob | FormData {
  if (files.length === 1) return files[0]!;
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  return form;
}

export const prepare = {
  jobs: () => call<Job[]>("GET", "/api/jobs"),
  job: (id: string) => call<Job>("GET", `/api/jobs/${enc(id)}`),
  cancelJob: (id: string) => call<Job>("POST", `/api/jobs/${enc(id)}/cancel`, {}),
  quizzes: () => call<Summary[]>("GET", "/api/quizzes"),
  quiz: (id: string) => call<Quiz>("GET", `/api/quizzes/${enc(id)}`),
  addQuiz: (q: { title: string; items?: Authored[] }) => call<Quiz>("POST", "/api/quizzes", q),
  putQuiz: (q: Quiz) => call<Quiz>("PUT", `/api/quizzes/${enc(q.id)}`, q),
  deleteQuiz: (id: string) => call<void>("DELETE", `/api/quizzes/${enc(id)}`),
  gift: (title: string, text: string, dry: boolean) =>
    call<{ quiz?: Quiz; items: Authored[]; problems: GiftProblem[] }>("POST", "/api/quizzes/import", { title, text, dry }),
  giftFile: (id: string) => `/api/quizzes/${enc(id)}/gift`,
  decks: () => call<Deck[]>("GET", "/api/decks"),
  addDeck: (title: string, files: File[], progress: (part: number) => void, stop?: AbortSignal) =>
    upload<{ deck: Deck; job: Job }>(`/api/decks?title=${enc(title)}`, together(files), progress, stop),
  renameDeck: (id: string, title: string) => call<Deck>("PATCH", `/api/decks/${enc(id)}`, { title }),
  deleteDeck: (id: string) => call<void>("DELETE", `/api/decks/${enc(id)}`),
  intake: (file: File, cls: string, dry: boolean) => upload<Imported>(`/api/intake?name=${enc(file.name)}&class=${enc(cls)}&dry=${dry}`, file),
  start: (cls: string, title: string, quiz: string, deck: string) =>
    call<Lesson>("POST", "/api/lessons", { class: cls, title, ...(quiz ? { quiz } : {}), ...(deck ? { deck } : {}) }),
  past: () => call<Lesson[]>("GET", "/api/past"),
  setClock: () => call<{ trusted: boolean; now: number }>("POST", "/api/clock", { now: Date.now() }),
  cards: (cls: string) => call<{ id: string; name: string; link: string }[]>("GET", `/api/classes/${enc(cls)}/cards`),
  renewCards: (cls: string) => call<unknown>("POST", `/api/classes/${enc(cls)}/cards/renew`, {}),
  cardQR: (cls: string, pupil: string) => `/api/classes/${enc(cls)}/cards/${enc(pupil)}/qr.svg`,
};
