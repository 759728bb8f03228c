// What a lesson is made of beforehand: quizzes, decks, class lists; and background jobs.
import type { AuthoredItem, ItemImage } from "../contract";
import { call, uploadFiles } from "./http";
import { redraw } from "./redraw";
import type {
  ClockState,
  ListimportColumns as Columns,
  Deck,
  DraftNote as ImportNote,
  ExportNotes,
  ImportedQuestion,
  ImportedQuiz,
  ItemQuiz as Quiz,
  JobsJob as Job,
  LibrarySummary as Summary,
  RosterCard,
  RosterImported as Imported,
  SampleSummary as Sample,
  Uploaded,
} from "./schema";
import type { Lesson } from "./box";

export type { Columns, Deck, Imported, ImportedQuestion, ImportedQuiz, ImportNote, Job, Quiz, Sample, Summary };

const enc = encodeURIComponent;

// ColumnChoice is what someone says about the columns of a list.
export interface ColumnChoice {
  meanings: string[];
  headless: boolean;
}

// together is the body for one file, or for pictures that make one deck.
function together(files: File[]): Blob | FormData {
  if (files.length === 1) return files[0]!;
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  return form;
}

export const library = {
  jobs: () => call<Job[]>("GET", "/api/jobs"),
  job: (id: string) => call<Job>("GET", `/api/jobs/${enc(id)}`),
  cancelJob: (id: string) => call<Job>("POST", `/api/jobs/${enc(id)}/cancel`, {}),
  quizzes: () => call<Summary[]>("GET", "/api/quizzes"),
  quiz: (id: string) => call<Quiz>("GET", `/api/quizzes/${enc(id)}`),
  addQuiz: (q: { title: string; items?: AuthoredItem[] }) => call<Quiz>("POST", "/api/quizzes", q),
  putQuiz: (q: Quiz) => call<Quiz>("PUT", `/api/quizzes/${enc(q.id)}`, q),
  deleteQuiz: (id: string) => call<void>("DELETE", `/api/quizzes/${enc(id)}`),
  // readQuiz reads questions in any format. It keeps nothing, the pictures in them, or a new quiz.
  readQuiz: (from: Blob, title: string, keep: "nothing" | "pictures" | "quiz") =>
    uploadFiles<ImportedQuiz>(`/api/quizzes/file?keep=${keep}&title=${enc(title)}`, from),
  exportFile: (id: string, format: string) => `/api/quizzes/${enc(id)}/export?format=${format}`,
  exportNotes: (id: string, format: string) =>
    call<ExportNotes>("GET", `/api/quizzes/${enc(id)}/export/notes?format=${format}`),
  samples: (lang: string) => call<Sample[]>("GET", `/api/samples?lang=${enc(lang)}`),
  sample: (id: string, lang: string) => call<Quiz>("GET", `/api/samples/${enc(id)}?lang=${enc(lang)}`),
  copySample: (id: string, lang: string) => call<Quiz>("POST", `/api/samples/${enc(id)}/copy?lang=${enc(lang)}`, {}),
  addImage: async (file: File) => uploadFiles<ItemImage>("/api/images", await redraw(file)),
  imageFile: (id: string) => `/images/${enc(id)}`,
  decks: () => call<Deck[]>("GET", "/api/decks"),
  addDeck: async (title: string, files: File[], progress: (part: number) => void, stop?: AbortSignal) =>
    uploadFiles<Uploaded>(
      `/api/decks?title=${enc(title)}`,
      together(await Promise.all(files.map(redraw))),
      progress,
      stop,
    ),
  renameDeck: (id: string, title: string) => call<Deck>("PATCH", `/api/decks/${enc(id)}`, { title }),
  deleteDeck: (id: string) => call<void>("DELETE", `/api/decks/${enc(id)}`),
  intake: (file: File, cls: string, dry: boolean, choice?: ColumnChoice) =>
    uploadFiles<Imported>(
      `/api/intake?name=${enc(file.name)}&class=${enc(cls)}&dry=${dry}` +
        (choice ? `&columns=${choice.meanings.join(",")}&headless=${choice.headless}` : ""),
      file,
    ),
  start: (cls: string, title: string, quiz: string, deck: string) =>
    call<Lesson>("POST", "/api/lessons", { class: cls, title, ...(quiz ? { quiz } : {}), ...(deck ? { deck } : {}) }),
  past: () => call<Lesson[]>("GET", "/api/past"),
  setClock: () => call<ClockState>("POST", "/api/clock", { now: Date.now() }),
  cards: (cls: string) => call<RosterCard[]>("GET", `/api/classes/${enc(cls)}/cards`),
  renewCards: (cls: string) => call<unknown>("POST", `/api/classes/${enc(cls)}/cards/renew`, {}),
  cardQR: (cls: string, pupil: string) => `/api/classes/${enc(cls)}/cards/${enc(pupil)}/qr.svg`,
};
