// useProjectorSounds plays the last five seconds of a question, the reveal and the podium, as they
// come. What was on the screen before the page opened makes no sound.
import { useEffect, useRef } from "preact/hooks";
import { playPodium, playReveal, playTick } from "../../components/sound";
import type { Room } from "../../state/room";

// mayPlay: browsers keep a page silent until somebody taps it. Sounds of before would come all at once.
const mayPlay = () => !("userActivation" in navigator) || navigator.userActivation.hasBeenActive;

export function useProjectorSounds(room: Room) {
  const q = room.quiz;
  const end = q.end.value;
  useEffect(() => {
    if (end === null) return;
    const timers = [5, 4, 3, 2, 1].flatMap((seconds) => {
      const wait = end - room.now() - seconds * 1000;
      return wait < 0 ? [] : [setTimeout(() => mayPlay() && playTick(seconds === 1), wait)];
    });
    return () => timers.forEach(clearTimeout);
  }, [end]);
  const revealed = q.round.value?.state === "revealed" ? q.round.value.round : 0;
  const ranked = !!q.ranked.value?.length;
  const joined = room.me.value.user !== "";
  const before = useRef<{ revealed: number; ranked: boolean } | null>(null); // null before the page has joined
  useEffect(() => {
    if (!joined) return;
    if (before.current && mayPlay()) {
      if (revealed && revealed !== before.current.revealed) playReveal();
      if (ranked && !before.current.ranked) playPodium();
    }
    before.current = { revealed, ranked };
  }, [joined, revealed, ranked]);
}
