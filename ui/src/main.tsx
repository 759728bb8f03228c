// The one page of the box. The path says which part of it is shown; what a pupil needs
// is in the first file, the rest is loaded when it is opened.
import "./components/tokens.css";
import "./components/base.css";
import { type ComponentType, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BoxState } from "./api/box";
import { preferred, t, withTexts } from "./locales/i18n";
import { loadFonts } from "./components/fonts";
import { chooseLanguage, ErrorNote, Loading, PartMissing } from "./components/feedback";
import { Toasts } from "./components/toast";
import { path } from "./state/router";
import { fault, reload, state } from "./state/session";
import { Card, Join } from "./pages/join";

// lesson is fetched while a pupil looks for their name.
const lesson = () => import("./pages/lesson");

type Page = ComponentType<{ state: BoxState; arg: string }>;

// styles is the style sheet of all pages. A pupil's page has a small one of its own.
let styles: Promise<unknown> | undefined;

const loadStyles = () =>
  new Promise((done, fail) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = document.querySelector<HTMLMetaElement>("meta[name=all-styles]")?.content ?? "";
    link.onload = done;
    link.onerror = () => {
      link.remove();
      styles = undefined;
      fail(new Error("no style sheet"));
    };
    document.head.append(link);
  });

// styled gives a page that is not a pupil's, when its style sheet and the texts of all such pages are
// there.
const styled = (load: () => Promise<Page>) => async () => {
  styles ??= loadStyles();
  const [page] = await Promise.all([withTexts("staff", load()), styles]);
  return page;
};

const others: [RegExp, () => Promise<Page>][] = [
  [/^\/claim$/, async () => (await withTexts("prepare", import("./pages/claim"))).Claim],
  [/^\/login$/, async () => (await import("./pages/login")).Login],
  [/^\/teach$/, async () => (await withTexts("prepare", import("./pages/home"))).Home],
  [
    /^\/teach\/([^/]+)$/,
    async () => (await withTexts("prepare", withTexts("stage", import("./pages/console")))).Console,
  ],
  [/^\/quiz\/([^/]+)$/, async () => (await withTexts("prepare", withTexts("stage", import("./pages/quiz")))).QuizPage],
  [/^\/cards\/([^/]+)$/, async () => (await withTexts("prepare", import("./pages/cards"))).Cards],
  [/^\/label$/, async () => (await withTexts("prepare", withTexts("after", import("./pages/label")))).LabelPage],
  [/^\/screen\/([^/]+)$/, async () => (await withTexts("stage", import("./pages/screen"))).Screen],
  [/^\/remote\/([^/]+)$/, async () => (await withTexts("stage", import("./pages/remote"))).Remote],
  [
    /^\/results\/([^/]+)$/,
    async () => (await withTexts("stage", withTexts("after", import("./pages/results")))).ResultsPage,
  ],
  [
    /^\/capsule\/([^/]+)$/,
    async () => (await withTexts("stage", withTexts("after", import("./pages/playback")))).PlaybackPage,
  ],
  [/^\/design$/, async () => (await import("./pages/design")).Design],
  [
    /^\/admin(?:\/([^/]+))?$/,
    async () => (await withTexts("prepare", withTexts("after", import("./pages/admin")))).Admin,
  ],
];
// secureStep is in place of each page of staff where others in the network could read what they do.
const secureStep = styled(async () => (await withTexts("secure", import("./pages/secure"))).SecureStep);
const certificate = styled(async () => (await withTexts("secure", import("./pages/certificate"))).CertificatePage);
const unknown = styled(async () => (await import("./pages/lost")).LostPage);

const late: [RegExp, () => Promise<Page>][] = [
  [/^\/lesson$/, async () => (await lesson()).Lesson],
  [/^\/certificate$/, certificate],
  ...others.map(([path, load]): [RegExp, () => Promise<Page>] => [path, styled(load)]),
];

const isStaffPage = (path: string) => path !== "/design" && others.some(([match]) => match.test(path));

const Lost = () => (
  <main id="main" class="narrow">
    <PartMissing />
  </main>
);

function Late({ load, state, arg }: { load: () => Promise<Page>; state: BoxState; arg: string }) {
  const [page, setPage] = useState<{ load: unknown; Page: Page } | null>(null);
  useEffect(() => {
    let here = true;
    load()
      .catch((): Page => Lost)
      .then((Page) => here && setPage({ load, Page }));
    return () => {
      here = false;
    };
  }, [load]);
  return page && page.load === load ? <page.Page state={state} arg={arg} /> : <Loading />;
}

// decode reads the address. A damaged link stays as it is: the join page says that it is not known.
function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function App() {
  useEffect(() => void setTimeout(() => void lesson().catch(() => {}), 500), []);
  const s = state.value;
  if (!s)
    return (
      <main id="main" class="narrow">
        {fault.value ? <ErrorNote fault={fault.value} retry={reload} /> : <Loading />}
      </main>
    );
  const p = decode(path.value);
  if (s.ground === "open" && isStaffPage(p)) return <Late load={secureStep} state={s} arg="" />;
  for (const [match, load] of late) {
    const m = match.exec(p);
    if (m) return <Late load={load} state={s} arg={m[1] ?? ""} />;
  }
  const card = /^\/c\/(.+)$/.exec(p)?.[1];
  if (card) return <Card key={card} state={s} arg={card} />;
  const join = /^\/(?:j\/(.+))?$/.exec(p);
  return join ? <Join state={s} arg={join[1] ?? ""} /> : <Late load={unknown} state={s} arg="" />;
}

async function start() {
  await reload();
  await chooseLanguage(preferred(state.value?.box.lang ?? "en"));
  const root = document.getElementById("app")!;
  root.textContent = "";
  render(
    <>
      <a class="skip" href="#main">
        {t("skip")}
      </a>
      <App />
      <Toasts />
    </>,
    root,
  );
  loadFonts();
}

void start();
