// The results and the recording of a lesson.
import { call } from "./http";
import type {
  JobsJob as Job,
  PlaybackCapsule as Capsule,
  PlaybackFilm as Film,
  PlaybackPart as CapsulePart,
  Results,
  ResultsPupil as Pupil,
  ResultsGapResult as GapResult,
  ResultsQuestion as Question,
} from "./schema";

export type { Capsule, CapsulePart, Film, GapResult, Pupil, Question, Results };

const enc = encodeURIComponent;

export interface CapsuleEvent {
  at_ms: number;
  kind: string;
  data?: object;
}

export const resultsAPI = {
  capsule: async (lesson: string) => {
    const index = await call<Capsule>("GET", `/api/lessons/${enc(lesson)}/capsule`);
    const { events } = await call<{ events: CapsuleEvent[] }>("GET", `/recordings/${enc(lesson)}/${enc(index.events)}`);
    return { index, events };
  },
  film: (lesson: string) => call<Film>("GET", `/api/lessons/${enc(lesson)}/film`),
  makeFilm: (lesson: string, source?: string) => call<Job>("POST", `/api/lessons/${enc(lesson)}/film`, { source }),
  filmFile: (lesson: string, film: Film) => `/recordings/${enc(lesson)}/${enc(film.file)}`,
  results: (lesson: string) => call<Results>("GET", `/api/lessons/${enc(lesson)}/results`),
  makeResults: (lesson: string) => call<Job>("POST", `/api/lessons/${enc(lesson)}/results`),
  file: (lesson: string, ext: "csv" | "xlsx", query: { [name: string]: string } = {}) =>
    `/api/lessons/${enc(lesson)}/results.${ext}?${new URLSearchParams(query)}`,
};
