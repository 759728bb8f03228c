// A recorded lesson, seen again: pictures and sound, slides with ink, questions and chat in
// step with one clock.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { signal } from "@preact/signals";
import { after, type CapsuleEvent, type Capsule as Index, type CapsulePart } from "../core/after";
import type { Fault, State } from "../core/api";
import { Board } from "../core/board";
import { span, t } from "../core/i18n";
import { A, Failed, Icon, Loading, Title } from "../core/kit";
import type { Room } from "../core/room";
import { Surface } from "../features/board";
import { useStaff } from "../features/frame";
import "./capsule.css";

export function CapsulePage({ state, arg }: { state: State; arg: string }) {
  const staff = useStaff(state);
  const [found, setFound] = useState<{ index: Index; events: CapsuleEvent[] } | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const load = () => {
    setFault(null);
    after.capsule(arg).then(setFound, setFault);
  };
  useEffect(() => {
    if (staff) load();
  }, [arg, staff]);
  return (
    <main id="main" class="capsule">
      {fault ? (
        fault.code === "no_recording"
          ? <div class="narrow stack"><Title>{t("capsule.none")}</Title><A class="button" href={`/results/${encodeURIComponent(arg)}`}>{t("capsule.results")}</A></div>
          : <div class="narrow"><Failed fault={fault} retry={load} /></div>
      ) : found ? <Player index={found.index} events={found.events} /> : <div class="narrow"><Loading /></div>}
    </main>
  );
}

const speeds = [1, 1.25, 1.5, 2];
const patience = 5000; // ms

// Timeline is the clock of a capsule, in ms since the lesson began.
class Timeline {
  readonly now = signal(0);
  readonly playing = signal(false);
  readonly speed = signal(1);
  private last = 0;
  private frame = 0;
  private waiting = new Set<string>(); // media that is not there yet
  private stalled = 0; // ms that the clock has stood for it

  constructor(readonly length: number, first: number) {
    this.now.value = first;
  }

  play(on: boolean) {
    if (on && this.now.value >= this.length) this.now.value = 0;
    this.playing.value = on;
    this.last = performance.now();
    cancelAnimationFrame(this.frame);
    if (on) this.frame = requestAnimationFrame(this.tick);
  }

  // wait holds the clock for media that loads or seeks, for a while: a slow disk or device
  // must not let the lesson run away from its picture.
  wait(file: string, on: boolean) {
    if (on) this.waiting.add(file);
    else this.waiting.delete(file);
    if (this.waiting.size === 0) this.stalled = 0;
  }

  seek(to: number) {
    this.now.value = Math.min(this.length, Math.max(0, to));
  }

  close() {
    cancelAnimationFrame(this.frame);
  }

  private tick = () => {
    const now = performance.now();
    if (this.waiting.size > 0 && this.stalled < patience) this.stalled += now - this.last;
    else this.seek(this.now.value + (now - this.last) * this.speed.value);
    this.last = now;
    if (this.now.value >= this.length) this.playing.value = false;
    else this.frame = requestAnimationFrame(this.tick);
  };
}

// Scene is what the room showed at a time: the events up to it, folded.
class Scene {
  readonly board: Board;
  readonly chat = signal<{ at: number; role: string; name?: string; text: string }[]>([]);
  readonly question = signal<any>(null);
  readonly told = signal<any>(null);
  private at = 0; // events taken
  private time = -1;

  constructor(private events: CapsuleEvent[]) {
    this.board = new Board({ flash() {} } as unknown as Room);
  }

  show(time: number) {
    if (time < this.time) {
      this.at = 0;
      this.board.show(null);
      this.chat.value = [];
      this.question.value = this.told.value = null;
    }
    this.time = time;
    const said = [...this.chat.value];
    for (; this.at < this.events.length && this.events[this.at]!.at_ms <= time; this.at++) {
      const e = this.events[this.at]!;
      const d = e.data ?? {};
      switch (e.kind) {
        case "show":
          this.board.take("board.shown", { data: d });
          break;
        case "ink":
          this.board.take("board.drawn", { data: d });
          break;
        case "undo":
          this.board.take("board.undone", { data: d });
          break;
        case "clear":
          this.board.take("board.cleared", { data: d });
          break;
        case "chat":
          said.push({ at: e.at_ms, ...d });
          break;
        case "question":
          this.question.value = d;
          this.told.value = null;
          break;
        case "reveal":
          this.told.value = d;
          break;
        case "closed":
          this.question.value = null;
          break;
      }
    }
    if (said.length !== this.chat.value.length) this.chat.value = said;
  }
}

function Player({ index, events }: { index: Index; events: CapsuleEvent[] }) {
  const first = Math.min(index.duration_ms, ...index.parts.map((p) => p.start_ms));
  const line = useMemo(() => new Timeline(index.duration_ms, index.parts.length ? Math.max(0, first) : 0), [index]);
  const scene = useMemo(() => new Scene(events), [events]);
  useEffect(() => () => line.close(), [line]);
  const now = line.now.value;
  scene.show(now);
  const playing = line.playing.value;
  const on = (p: CapsulePart) => now >= p.start_ms && (p.duration_ms === 0 || now < p.start_ms + p.duration_ms);
  const chapter = index.chapters.filter((c) => c.at_ms <= now).length - 1;
  const keys = (e: KeyboardEvent) => {
    const tag = (e.target as HTMLElement).tagName;
    if (["BUTTON", "SELECT", "A"].includes(tag) && e.key === " ") return;
    if (tag === "INPUT" && e.key !== " ") return;
    if (e.key === " ") line.play(!playing);
    else if (e.key === "ArrowRight") line.seek(now + 10000);
    else if (e.key === "ArrowLeft") line.seek(now - 10000);
    else return;
    e.preventDefault();
  };
  const room = { board: scene.board } as unknown as Room;
  const b = scene.board;
  return (
    <div class="capsule-grid" onKeyDown={keys} data-time={Math.round(now)} data-state={playing ? "playing" : "paused"} data-page={b.page.value?.index ?? ""}>
      <header class="capsule-head"><Title><bdi>{index.title || t("capsule.title")}</bdi></Title><A class="button quiet" href={`/results/${encodeURIComponent(index.lesson)}`}>{t("capsule.results")}</A></header>
      <section class="capsule-stage" aria-label={t("capsule.stage")}>
        {scene.question.value ? <Asked question={scene.question.value} told={scene.told.value} /> : b.surface.value ? <Surface room={room} surface={b.surface.value} page={b.page.value} width={1280} /> : null}
        <div class="capsule-media">
          {index.parts.map((p) => <Media key={p.file} lesson={index.lesson} part={p} line={line} shown={on(p)} />)}
        </div>
      </section>
      <div class="capsule-controls" role="group" aria-label={t("capsule.controls")}>
        <button type="button" class="primary" onClick={() => line.play(!playing)}>{t(playing ? "capsule.pause" : "capsule.play")}</button>
        <button type="button" onClick={() => line.seek(now - 10000)}>{t("capsule.back")}</button>
        <button type="button" onClick={() => line.seek(now + 10000)}>{t("capsule.on")}</button>
        <label class="capsule-seek"><span class="visually-hidden">{t("capsule.time")}</span>
          <input type="range" min={0} max={index.duration_ms} step={100} value={now} aria-valuetext={span(now)} onInput={(e) => line.seek(Number(e.currentTarget.value))} />
        </label>
        <span class="muted">{span(now)} / {span(index.duration_ms)}</span>
        <label class="row"><span>{t("capsule.speed")}</span>
          <select value={line.speed.value} onChange={(e) => (line.speed.value = Number(e.currentTarget.value))}>{speeds.map((s) => <option key={s} value={s}>{s}×</option>)}</select>
        </label>
      </div>
      <aside class="capsule-side">
        {index.chapters.length > 0 && (
          <section aria-labelledby="chapters"><h2 id="chapters">{t("capsule.chapters")}</h2>
            <ol class="capsule-chapters">
              {index.chapters.map((c, i) => (
                <li key={i}><button type="button" class="quiet" aria-current={i === chapter ? "true" : undefined} onClick={() => line.seek(c.at_ms)}><span class="muted">{span(c.at_ms)}</span> <bdi>{c.title || t(`capsule.${c.kind}`, { n: c.page ?? 0 })}</bdi></button></li>
              ))}
            </ol>
          </section>
        )}
        <section aria-labelledby="said"><h2 id="said">{t("capsule.chat")}</h2>
          <ol class="capsule-chat">{scene.chat.value.slice(-50).map((m, i) => <li key={`${m.at} ${i}`}><strong><bdi>{m.name ?? t(`capsule.${m.role}`)}</bdi></strong> <bdi>{m.text}</bdi></li>)}</ol>
          {scene.chat.value.length === 0 && <p class="muted">{t("capsule.quiet")}</p>}
        </section>
      </aside>
    </div>
  );
}

// Asked is a question as the class saw it, with what was right once that was told.
function Asked({ question, told }: { question: any; told: any }) {
  return (
    <div class="capsule-asked stack">
      {question.items.map((q: any) => (
        <article key={q.id} class="card pad stack">
          <h2><bdi>{q.text}</bdi></h2>
          {q.options && (
            <ol type="A">{q.options.map((o: any) => {
              const right = told?.keys?.[q.id]?.right?.includes?.(o.id) ?? false;
              const n = told?.counts?.[q.id]?.[o.id];
              return <li key={o.id}>{right && <Icon name="yes" />} <bdi>{o.text}</bdi>{right && <span class="visually-hidden"> {t("capsule.right")}</span>}{n !== undefined && <span class="muted"> · {n}</span>}</li>;
            })}</ol>
          )}
        </article>
      ))}
    </div>
  );
}

const drift = 0.1; // seconds that picture and clock may be apart

// Media keeps one file in step with the timeline.
function Media({ lesson, part, line, shown }: { lesson: string; part: CapsulePart; line: Timeline; shown: boolean }) {
  const el = useRef<HTMLVideoElement>(null);
  const now = line.now.value;
  const playing = line.playing.value && shown;
  const [blocked, setBlocked] = useState(false);
  const [turn, setTurn] = useState(0);
  const tried = useRef(-1);
  useEffect(() => {
    const v = el.current!;
    if (!shown) {
      v.pause();
      line.wait(part.file, false);
      return;
    }
    line.wait(part.file, line.playing.value && !v.error && !v.ended && (v.seeking || v.readyState < 3));
    const want = (now - part.start_ms) / 1000;
    const off = want - v.currentTime;
    const moved = Math.abs(want - tried.current) > 0.01; // past its end a file gives no more than it has
    if (Math.abs(off) > (playing ? 0.5 : 0.05) && moved && v.readyState > 0 && !v.seeking) v.currentTime = tried.current = want;
    v.playbackRate = line.speed.value * (Math.abs(off) < drift ? 1 : off > 0 ? 1.08 : 0.93);
    if (playing && v.paused) v.play().then(() => setBlocked(false), (e) => e.name === "NotAllowedError" && setBlocked(true));
    if (!playing && !v.paused) v.pause();
  }, [now, playing, shown, turn]);
  const ready = () => {
    line.wait(part.file, false);
    setTurn((n) => n + 1); // the clock may have been set again meanwhile
  };
  const audio = part.type.startsWith("audio/");
  return (
    <figure class={`capsule-part ${part.source}`} hidden={!shown || audio} data-source={part.source}>
      <video ref={el} data-start={part.start_ms} src={`/recordings/${encodeURIComponent(lesson)}/${encodeURIComponent(part.file)}`} preload="auto" playsInline onSeeked={ready} onCanPlay={ready} onPlaying={ready} onError={ready} onEnded={ready} aria-label={t(part.source === "screen" ? "capsule.screenOf" : "capsule.cameraOf", { name: part.name })} />
      <figcaption><bdi>{part.name}</bdi></figcaption>
      {blocked && <p class="note">{t("capsule.tap")}</p>}
    </figure>
  );
}
