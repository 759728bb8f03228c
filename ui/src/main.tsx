// The one page of the box. The path says which part of it is shown; what a pupil needs
// is in the first file, the rest is loaded when it is opened.
import { render, type ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import "./tokens.css";
import "./base.css";
import type { State } from "./core/api";
import { preferred, setLang, t, withTexts } from "./core/i18n";
import { Failed, Loading, Snack } from "./core/kit";
import { path } from "./core/router";
import { fault, reload, state } from "./core/state";
import { Card, Join } from "./pages/join";

// lesson is fetched while a pupil looks for their name.
const lesson = () => import("./pages/lesson");

type Page = ComponentType<{ state: State; arg: string }>;
const late: [RegExp, () => Promise<Page>][] = [
  [/^\/lesson$/, async () => (await lesson()).Lesson],
  [/^\/claim$/, async () => (await withTexts("prepare", import("./pages/claim"))).Claim],
  [/^\/login$/, async () => (await import("./pages/login")).Login],
  [/^\/teach$/, async () => (await withTexts("prepare", import("./pages/home"))).Home],
  [/^\/teach\/([^/]+)$/, async () => (await withTexts("prepare", withTexts("stage", import("./pages/console")))).Console],
  [/^\/quiz\/([^/]+)$/, async () => (await withTexts("prepare", import("./pages/quiz"))).QuizPage],
  [/^\/cards\/([^/]+)$/, async () => (await withTexts("prepare", import("./pages/cards"))).Cards],
  [/^\/screen\/([^/]+)$/, async () => (await withTexts("stage", import("./pages/screen"))).Screen],
  [/^\/remote\/([^/]+)$/, async () => (await withTexts("stage", import("./pages/remote"))).Remote],
  [/^\/results\/([^/]+)$/, async () => (await withTexts("after", import("./pages/results"))).ResultsPage],
  [/^\/capsule\/([^/]+)$/, async () => (await withTexts("stage", withTexts("after", import("./pages/capsule")))).CapsulePage],
  [/^\/admin$/, async () => (await withTexts("after", import("./pages/admin"))).Admin],
];

function Late({ load, state, arg }: { load: () => Promise<Page>; state: State; arg: string }) {
  const [page, setPage] = useState<{ load: unknown; Page: Page } | null>(null);
  useEffect(() => {
    let here = true;
    load().then((Page) => here && setPage({ load, Page }), () => (fault.value = null));
    return () => {
      here = false;
    };
  }, [load]);
  return page && page.load === load ? <page.Page state={state} arg={arg} /> : <Loading />;
}

function App() {
  useEffect(() => void setTimeout(() => void lesson().catch(() => {}), 500), []);
  const s = state.value;
  if (!s) return <main id="main" class="narrow">{fault.value ? <Failed fault={fault.value} retry={reload} /> : <Loading />}</main>;
  const p = decodeURIComponent(path.value);
  for (const [match, load] of late) {
    const m = match.exec(p);
    if (m) return <Late load={load} state={s} arg={m[1] ?? ""} />;
  }
  const card = /^\/c\/(.+)$/.exec(p)?.[1];
  if (card) return <Card key={card} state={s} arg={card} />;
  return <Join state={s} arg={/^\/j\/(.+)$/.exec(p)?.[1] ?? ""} />;
}

async function start() {
  await reload();
  await setLang(preferred(state.value?.box.lang ?? "en"));
  const root = document.getElementById("app")!;
  root.textContent = "";
  render(<><a class="skip" href="#main">{t("skip")}</a><App /><Snack /></>, root);
}

void start();
