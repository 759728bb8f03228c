// Texts of the pages: a folder a language, a file for each area of the product. A key
// with plural forms is an object by the categories of Intl.PluralRules. A pupil's English
// comes with the page; other languages and areas are loaded when asked for.
import { signal } from "@preact/signals";
import type { Fault } from "../api/http";
import main from "./en/main.json";

type Text = string | { [category: string]: string };
type Texts = { [key: string]: Text };
export type Area = "staff" | "stage" | "prepare" | "after" | "call" | "groups" | "answer" | "secure";

export const languages: [string, string][] = [
  ["en", "English"],
  ["fr", "Français"],
  ["es", "Español"],
  ["ar", "العربية"],
];
const rtl = ["ar"];

export const lang = signal("en");
const texts = signal<Texts>(main);
const areas = new Set<Area>();

async function load(lang: string, area: string): Promise<Texts> {
  if (lang === "en" && area === "main") return main;
  return (await import(`./${lang}/${area}.json`)).default;
}

const known = (to: string) => languages.some(([code]) => code === to);

// setLang switches the language of the page and remembers it on this device.
export async function setLang(to: string) {
  const base = to.split("-")[0] ?? "en";
  const next = known(base) ? base : "en";
  try {
    localStorage.setItem("ll:lang", next); // at first: a page that has to be loaded again has it
  } catch {
    // a private window: the language lasts as long as the page
  }
  const parts = await Promise.all(["main", ...areas].map((a) => load(next, a)));
  texts.value = Object.assign({}, ...parts);
  lang.value = next;
  document.documentElement.lang = next;
  document.documentElement.dir = rtl.includes(next) ? "rtl" : "ltr";
}

// withTexts gives a page when its area's texts are there.
export async function withTexts<T>(area: Area, page: Promise<T>): Promise<T> {
  const [got, more] = await Promise.all([page, areas.has(area) ? {} : load(lang.value, area)]);
  areas.add(area);
  texts.value = { ...texts.value, ...more };
  return got;
}

// preferred is the language to begin with: the device's choice, then the box's.
export function preferred(box: string): string {
  try {
    const saved = localStorage.getItem("ll:lang");
    if (saved) return saved;
  } catch {
    // as above
  }
  const base = navigator.language.split("-")[0] ?? "en";
  return known(base) ? base : box || "en";
}

// t is the text of a key. n chooses the plural form and fills {n}.
export function t(key: string, vars: { [name: string]: string | number } = {}): string {
  let text = texts.value[key] ?? key;
  if (typeof text !== "string") {
    const form = new Intl.PluralRules(lang.value).select(Number(vars.n ?? 0));
    text = text[form] ?? text.other ?? key;
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const v = vars[name];
    return typeof v === "number" ? formatNumber(v) : String(v ?? "");
  });
}

// has tells that there is a text for the key.
export const has = (key: string) => key in texts.value;

// explain is a fault in words: by code and field, by code, or by reason and field or reason.
export function explain(f: Fault): string {
  const vars = { limit: f.limit, seconds: Math.ceil(f.retryMs / 1000) };
  for (const key of [`err.${f.code}.${f.field}`, `err.${f.code}`, `err.${f.reason}.${f.field}`, `err.${f.reason}`])
    if (has(key)) return t(key, vars);
  return t("err.internal");
}

// dateLocale is the language of the page. English is British unless the browser names another one.
export const dateLocale = () =>
  lang.value === "en" ? (navigator.languages.find((l) => l.startsWith("en-")) ?? "en-GB") : lang.value;

// formatTime writes a date or a time of day as people of the page's language write it.
export const formatTime = (at: string | number, options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat(dateLocale(), options).format(new Date(at));

const day = {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
} satisfies Intl.DateTimeFormatOptions;

// formatDay is a date as people write it, with the time. With an end it is a time from and to.
export const formatDay = (ms: number, end = 0) =>
  end > ms ? new Intl.DateTimeFormat(dateLocale(), day).formatRange(ms, end) : formatTime(ms, day);

export const formatNumber = (n: number) => new Intl.NumberFormat(lang.value).format(n);

// formatShare writes a part of 1 as per cent.
export const formatShare = (part: number) => new Intl.NumberFormat(lang.value, { style: "percent" }).format(part);

export const clock = (ms: number) => formatTime(ms, { timeStyle: "short" });

// span is a waiting time as m:ss.
export function span(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

export const textIfAny = (key: string) => (has(key) ? t(key) : "");
