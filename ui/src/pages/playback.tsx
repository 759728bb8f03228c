// A recorded lesson, seen again: pictures and sound, slides with ink, questions and chat in
// one frame and in step with one clock.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import {
  ChartColumn,
  Download,
  Keyboard,
  Maximize,
  Pause,
  Play,
  RotateCcw,
  RotateCw,
  TriangleAlert,
  VideoOff,
  Volume2,
  VolumeX,
} from "lucide";
import { ButtonLink } from "../components/button-link";
import { type CapsuleEvent, type Capsule as Index, resultsAPI } from "../api/results";
import type { Fault } from "../api/http";
import type { BoxState } from "../api/box";
import { Button } from "../components/button";
import { EmptyState } from "../components/empty-state";
import { Skeleton } from "../components/skeleton";
import { ErrorNote } from "../components/feedback";
import { Icon } from "../components/icon";
import { PageHeader } from "../components/page-header";
import { PageLink } from "../components/page-link";
import { plainMath } from "../components/math-plain";
import { PageTitle } from "../components/page-title";
import { Tabs } from "../components/tabs";
import { DownloadSheet } from "../features/playback/download";
import { type Action, KeyHelp, usePlayerKeys } from "../features/playback/keys";
import { Chapters, chapterTitle, Said } from "../features/playback/lists";
import { isOn, isPicture, PlayedMedia } from "../features/playback/played-media";
import { PlayedQuestion } from "../features/playback/played-question";
import { Scene, speeds, Timeline } from "../features/playback/timeline";
import css from "./playback.module.css";
import { BoardSurface } from "../features/whiteboard/board-surface";
import { span, t } from "../locales/i18n";
import { useStaff } from "../state/use-staff";

export function PlaybackPage({ state, arg }: { state: BoxState; arg: string }) {
  const staff = useStaff(state);
  const [found, setFound] = useState<{ index: Index; events: CapsuleEvent[] } | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const load = () => {
    setFault(null);
    setFound(null);
    resultsAPI.capsule(arg).then(setFound, setFault);
  };
  useEffect(() => {
    if (staff) load();
  }, [arg, staff]);
  if (!staff) return <main id="main" />;
  if (found && (found.index.duration_ms > 0 || found.index.parts.length > 0))
    return <Player index={found.index} events={found.events} />;
  const results = <ButtonLink href={`/results/${encodeURIComponent(arg)}`}>{t("capsule.results")}</ButtonLink>;
  return (
    <>
      <PageHeader state={state} />
      <main
        id="main"
        class={css.alone}
        data-player-state={fault ? (fault.code === "no_recording" ? "none" : "failed") : found ? "empty" : "loading"}
      >
        {fault?.code === "no_recording" || found ? (
          <>
            <PageTitle>{t("capsule.title")}</PageTitle>
            <EmptyState icon={VideoOff} action={results}>
              {t(found ? "capsule.empty" : "capsule.none")}
            </EmptyState>
          </>
        ) : fault ? (
          <>
            <PageTitle>{t("capsule.title")}</PageTitle>
            <ErrorNote fault={fault} retry={load} />
            {results}
          </>
        ) : (
          <>
            <PageTitle>{t("capsule.preparing")}</PageTitle>
            <small>{t("capsule.preparing.why")}</small>
            <Skeleton rows={4} />
          </>
        )}
      </main>
    </>
  );
}

const step = 10000; // ms

function Player({ index, events }: { index: Index; events: CapsuleEvent[] }) {
  const first = Math.min(index.duration_ms, ...index.parts.map((p) => p.start_ms));
  const line = useMemo(() => new Timeline(index.duration_ms, index.parts.length ? Math.max(0, first) : 0), [index]);
  const scene = useMemo(() => new Scene(events), [events]);
  const [open, setOpen] = useState<"keys" | "download" | null>(null);
  const [tab, setTab] = useState("chapters");
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => () => line.close(), [line]);
  const now = line.now.value;
  scene.show(now);
  const playing = line.playing.value;
  const full = () =>
    void (document.fullscreenElement ? document.exitFullscreen() : frame.current?.requestFullscreen?.())?.catch(
      () => {}, // the browser does not want to
    );
  const act = (a: Action) => {
    const chapters = index.chapters.map((c) => c.at_ms);
    switch (a) {
      case "play":
        return line.play(!line.playing.value);
      case "back":
        return line.step(-step);
      case "on":
        return line.step(step);
      case "before":
        return line.seek(chapters.filter((at) => at < line.now.value - 2000).at(-1) ?? 0);
      case "after":
        return line.seek(chapters.find((at) => at > line.now.value) ?? line.now.value);
      case "slower":
        return line.faster(-1);
      case "faster":
        return line.faster(1);
      case "mute":
        line.muted.value = !line.muted.value;
        return;
      case "full":
        return full();
      case "start":
        return line.seek(0);
      case "end":
        return line.seek(index.duration_ms);
      case "help":
        return setOpen("keys");
    }
  };
  usePlayerKeys(act);
  const b = scene.board;
  const pictures = (source: string) => index.parts.filter((p) => (p.source === "screen") === (source === "screen"));
  const seen = (source: string) =>
    pictures(source).some((p) => isPicture(p) && isOn(p, now) && !line.faults.value[p.file]);
  const screen = seen("screen");
  const camera = seen("camera");
  const shown = screen
    ? "screen"
    : scene.question.value
      ? "question"
      : b.surface.value
        ? "page"
        : camera
          ? "camera"
          : "none";
  return (
    <main
      id="main"
      class={css.player}
      data-player
      data-time={Math.round(now)}
      data-state={playing ? "playing" : "paused"}
      data-shown={shown}
      data-page={b.page.value?.index ?? ""}
    >
      <header class={css.head}>
        <PageTitle>
          <bdi>{index.title || t("capsule.title")}</bdi>
        </PageTitle>
        <PageLink class={css.link} href={`/results/${encodeURIComponent(index.lesson)}`}>
          <Icon icon={ChartColumn} />
          {t("capsule.results")}
        </PageLink>
        <Button icon={Download} onClick={() => setOpen("download")}>
          {t("capsule.download")}
        </Button>
      </header>
      <div
        class={css.frame}
        ref={frame}
        data-layout={shown === "camera" ? "camera" : "stage"}
        data-camera={camera || undefined}
      >
        <section class={css.stage} aria-label={t("capsule.stage")}>
          {shown === "question" && <PlayedQuestion question={scene.question.value!} told={scene.told.value} />}
          {shown === "page" && (
            <div class={css.page}>
              <BoardSurface room={{ board: b }} surface={b.surface.value} page={b.page.value} width={1280} />
            </div>
          )}
          {shown === "none" && (
            <p class={css.nothing}>
              <Icon icon={VideoOff} />
              {t("capsule.nothing")}
            </p>
          )}
        </section>
        {["screen", "camera"].map((source) => (
          <div
            key={source}
            class={source === "screen" ? css.screens : css.cameras}
            hidden={source === "screen" ? !screen : !camera}
          >
            {pictures(source).map((p) => (
              <PlayedMedia key={p.file} lesson={index.lesson} part={p} line={line} />
            ))}
          </div>
        ))}
        <aside class={css.side}>
          <Tabs
            label={t("capsule.lists")}
            value={tab}
            onChange={setTab}
            tabs={[
              { id: "chapters", label: t("capsule.chapters") },
              { id: "chat", label: t("capsule.chat"), count: scene.chat.value.length },
            ]}
          >
            {tab === "chapters" ? (
              <Chapters list={index.chapters} now={now} line={line} />
            ) : (
              <Said scene={scene} line={line} />
            )}
          </Tabs>
        </aside>
        <Controls index={index} line={line} act={act} />
      </div>
      <Faults index={index} line={line} now={now} />
      {open === "keys" && <KeyHelp onClose={() => setOpen(null)} />}
      {open === "download" && <DownloadSheet index={index} onClose={() => setOpen(null)} />}
    </main>
  );
}

function Controls({ index, line, act }: { index: Index; line: Timeline; act: (a: Action) => void }) {
  const now = line.now.value;
  const playing = line.playing.value;
  const chapter = index.chapters.filter((c) => c.at_ms <= now).at(-1);
  const length = Math.max(1, index.duration_ms);
  return (
    <div class={css.controls} role="group" aria-label={t("capsule.controls")}>
      <div class={css.seek} style={{ "--done": now / length }}>
        <input
          type="range"
          min={0}
          max={index.duration_ms}
          step={100}
          value={now}
          aria-label={t("capsule.time")}
          aria-valuetext={chapter ? `${span(now)}, ${plainMath(chapterTitle(chapter))}` : span(now)}
          onInput={(e) => line.seek(Number(e.currentTarget.value))}
        />
        <span class={css.ticks} aria-hidden="true">
          {index.chapters.map((c, i) => (
            <i key={i} data-kind={c.kind} style={{ insetInlineStart: `${(100 * c.at_ms) / length}%` }} />
          ))}
        </span>
      </div>
      <Button
        kind="primary"
        icon={playing ? Pause : Play}
        label={t(playing ? "capsule.pause" : "capsule.play")}
        onClick={() => act("play")}
      />
      <Button kind="quiet" icon={RotateCcw} label={t("capsule.back")} onClick={() => act("back")} />
      <Button kind="quiet" icon={RotateCw} label={t("capsule.on")} onClick={() => act("on")} />
      <span class={css.clock}>
        {span(now)} <span>/ {span(index.duration_ms)}</span>
      </span>
      <span class={css.gap} />
      <Button
        kind="quiet"
        icon={line.muted.value ? VolumeX : Volume2}
        label={t(line.muted.value ? "capsule.unmute" : "capsule.mute")}
        aria-pressed={line.muted.value}
        onClick={() => act("mute")}
      />
      <select
        class={css.speed}
        aria-label={t("capsule.speed")}
        value={line.speed.value}
        onChange={(e) => (line.speed.value = Number(e.currentTarget.value))}
      >
        {speeds.map((s) => (
          <option key={s} value={s}>
            {s}×
          </option>
        ))}
      </select>
      <span class={css.wide}>
        <Button kind="quiet" icon={Keyboard} label={t("capsule.keys")} onClick={() => act("help")} />
      </span>
      {document.fullscreenEnabled && (
        <Button kind="quiet" icon={Maximize} label={t("capsule.full")} onClick={() => act("full")} />
      )}
    </div>
  );
}

// Faults says which part of the recording does not play now, and what to do.
function Faults({ index, line, now }: { index: Index; line: Timeline; now: number }) {
  const bad = index.parts.filter((p) => isOn(p, now) && line.faults.value[p.file]);
  const away = bad.some((p) => line.faults.value[p.file] === "away");
  return (
    <div class={css.notes} role="status">
      {bad.length > 0 && (
        <p class="note warn" data-fault={away ? "away" : "unplayable"}>
          <Icon icon={TriangleAlert} /> {t(away ? "capsule.away" : "capsule.unplayable", { name: bad[0]!.name })}{" "}
          {away && (
            <Button
              onClick={() => {
                for (const p of bad) line.fail(p.file, null);
              }}
            >
              {t("retry")}
            </Button>
          )}
        </p>
      )}
      {line.blocked.value && <p class="note">{t("capsule.tap")}</p>}
    </div>
  );
}
