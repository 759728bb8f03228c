// One file of a recording, kept in step with the timeline.
import { useEffect, useRef, useState } from "preact/hooks";
import type { CapsulePart } from "../../api/results";
import { t } from "../../locales/i18n";
import type { Timeline } from "./timeline";
import css from "./played-media.module.css";

const drift = 0.1; // seconds that picture and clock may be apart

export const isOn = (p: CapsulePart, now: number) =>
  now >= p.start_ms && (p.duration_ms === 0 || now < p.start_ms + p.duration_ms);
export const isPicture = (p: CapsulePart) => !p.type.startsWith("audio/");

export function PlayedMedia({ lesson, part, line }: { lesson: string; part: CapsulePart; line: Timeline }) {
  const el = useRef<HTMLVideoElement>(null);
  const now = line.now.value;
  const shown = isOn(part, now);
  const playing = line.playing.value && shown;
  const fault = line.faults.value[part.file];
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
    if (Math.abs(off) > (playing ? 0.5 : 0.05) && moved && v.readyState > 0 && !v.seeking)
      v.currentTime = tried.current = want;
    v.playbackRate = line.speed.value * (Math.abs(off) < drift ? 1 : off > 0 ? 1.08 : 0.93);
    if (playing && v.paused && !v.error)
      v.play().then(
        () => line.block(false),
        (e) => e.name === "NotAllowedError" && line.block(true),
      );
    if (!playing && !v.paused) v.pause();
  }, [now, playing, shown, turn]);
  const ready = () => {
    line.wait(part.file, false);
    if (line.faults.value[part.file]) line.fail(part.file, null);
    setTurn((n) => n + 1); // the clock may have been set again meanwhile
  };
  const failed = () => {
    line.wait(part.file, false);
    line.fail(part.file, el.current!.error?.code === MediaError.MEDIA_ERR_NETWORK ? "away" : "unplayable");
  };
  // A fault that is gone is one that somebody wants to try again.
  const had = useRef(fault);
  useEffect(() => {
    if (had.current && !fault && el.current!.error) el.current!.load();
    had.current = fault;
  }, [fault]);
  const visible = shown && isPicture(part) && !fault;
  return (
    <figure class={css.part} hidden={!visible} data-source={part.source}>
      <video
        ref={el}
        data-start={part.start_ms}
        src={`/recordings/${encodeURIComponent(lesson)}/${encodeURIComponent(part.file)}`}
        preload="auto"
        playsInline
        muted={line.muted.value}
        onSeeked={ready}
        onCanPlay={ready}
        onPlaying={ready}
        onError={failed}
        onEnded={ready}
        aria-label={t(part.source === "screen" ? "capsule.screenOf" : "capsule.cameraOf", { name: part.name })}
      />
      <figcaption>
        <bdi>{part.name}</bdi>
      </figcaption>
    </figure>
  );
}
