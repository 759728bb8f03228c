import { useEffect, useState } from "preact/hooks";
import type { Room } from "../../state/room";
import { Reaction } from "../../components/reaction";
import css from "./floating-reactions.module.css";

// FloatingReactions shows reactions as they come, without saying whose. At most 24 at once.
export function FloatingReactions({ room }: { room: Room }) {
  const [list, set] = useState<{ n: number; emoji: string }[]>([]);
  useEffect(() => {
    let n = 0;
    const timers = new Set<ReturnType<typeof setTimeout>>();
    room.onReaction = (_, emoji) => {
      const mine = ++n;
      set((l) => [...l.slice(-23), { n: mine, emoji }]);
      const timer = setTimeout(() => {
        timers.delete(timer);
        set((l) => l.filter((f) => f.n !== mine));
      }, 3000);
      timers.add(timer);
    };
    return () => {
      room.onReaction = () => {};
      timers.forEach(clearTimeout);
    };
  }, [room]);
  return (
    <div class={css.floats} data-ornament aria-hidden="true">
      {list.map((f) => (
        <span key={f.n} style={{ insetInlineStart: `${8 + 11 * ((f.n * 5) % 8)}%` }}>
          <Reaction emoji={f.emoji} />
        </span>
      ))}
    </div>
  );
}
