// Texts of the pages: one JSON file a language. A key with plural forms is an object by
// the categories of Intl.PluralRules. English comes with the page, others when asked for.
import { signal } from "@preact/signals";
import en from "../locales/en.json";
import type { Fault } from "./api";

type Text = string | { [category: string]: string };
type Texts = { [key: string]: Text };

const loaders: { [lang: string]: () => Promise<{ default: Texts }> } = {
  ar: () => import("../locales/ar.json") as unknown as Promise<{ default: Texts }>,
};
export const languages: [string, string][] = [["en", "English"], ["ar", "العربية"]];
const rtl = ["ar", "fa", "he", "ur"];

export const lang = signal("en");
const texts = signal<Texts>(en);

// setLang switches the language of the page and remembers it on this device.
export async function setLang(to: string) {
  const base = to.split("-")[0] ?? "en";
  const known = base === "en" || base in loaders ? base : "en";
  if (known !== "en") texts.value = (await loaders[known]!()).default;
  else texts.value = en;
  lang.value = known;
  document.documentElement.lang = known;
  document.documentElement.dir = rtl.includes(known) ? "rtl" : "ltr";
  try {
    localStorage.setItem("ll:lang", known);
  } catch {
    // a private window: the language lasts as long as the page
  }
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
  return base in loaders ? base : box || "en";
}

// t is the text of a key. n chooses the plural form and fills {n}.
export function t(key: string, vars: { [name: string]: string | number } = {}): string {
  const all = texts.value;
  let text = all[key] ?? (en as Texts)[key] ?? key;
  if (typeof text !== "string") {
    const form = new Intl.PluralRules(lang.value).select(Number(vars.n ?? 0));
    text = text[form] ?? text.other ?? key;
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const v = vars[name];
    return typeof v === "number" ? new Intl.NumberFormat(lang.value).format(v) : String(v ?? "");
  });
}

// has tells that there is a text for the key.
export const has = (key: string) => key in texts.value || key in en;

// explain is a fault in words: by code and field, by code, or by reason.
export function explain(f: Fault): string {
  const vars = { limit: f.limit, seconds: Math.ceil(f.retryMs / 1000) };
  for (const key of [`err.${f.code}.${f.field}`, `err.${f.code}`, `err.${f.reason}`]) if (has(key)) return t(key, vars);
  return t("err.internal");
}

export const clock = (ms: number) =>
  new Intl.DateTimeFormat(lang.value, { hour: "2-digit", minute: "2-digit" }).format(new Date(ms));

// span is a waiting time as m:ss.
export function span(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}
