// The sounds of the projector, made in the browser: short and soft. One tap turns them off, and
// this device remembers it.
import { signal } from "@preact/signals";

const key = "ll:sound";

function readMuted(): boolean {
  try {
    return localStorage.getItem(key) === "off";
  } catch {
    return false; // a private window
  }
}

export const muted = signal(readMuted());

export function setMuted(off: boolean) {
  muted.value = off;
  try {
    localStorage.setItem(key, off ? "off" : "on");
  } catch {
    // as above: it lasts as long as the page
  }
}

let context: AudioContext | undefined;

// playNote plays one note with a soft start and end. Times are in seconds from now.
function playNote(hertz: number, at: number, length: number, volume = 0.12, type: OscillatorType = "sine") {
  if (muted.value || typeof AudioContext === "undefined") return;
  context ??= new AudioContext();
  if (context.state === "suspended") void context.resume().catch(() => {}); // before the first tap a browser stays silent
  const start = context.currentTime + at;
  const tone = new OscillatorNode(context, { type, frequency: hertz });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.linearRampToValueAtTime(volume, start + 0.015);
  gain.gain.setValueAtTime(volume, start + 0.015);
  gain.gain.exponentialRampToValueAtTime(0.0001, start + length);
  tone.connect(gain).connect(context.destination);
  tone.start(start);
  tone.stop(start + length + 0.02);
}

const notes = { c5: 523.25, e5: 659.26, g5: 783.99, c6: 1046.5 };

// playTick is one of the last seconds of the countdown. The last one is higher.
export const playTick = (last = false) => playNote(last ? notes.c6 : notes.g5, 0, 0.12, 0.07, "triangle");

export function playReveal() {
  for (const [n, hertz] of [notes.c5, notes.g5].entries()) playNote(hertz, n * 0.12, 0.6);
}

export function playPodium() {
  const tones = [notes.c5, notes.e5, notes.g5, notes.c6];
  for (const [n, hertz] of tones.entries()) playNote(hertz, n * 0.14, n === 3 ? 1.2 : 0.4);
}
