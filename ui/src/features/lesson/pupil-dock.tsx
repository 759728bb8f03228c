// What a pupil can always do: the hand, "are you with us?", a reaction, the chat. On a phone they are a
// bar at the bottom, whose last three open above it. On a wide window all of them are in sight.
import { useEffect, useRef, useState } from "preact/hooks";
import { MessageCircle, SmilePlus, ThumbsUp } from "lucide";
import { Icon } from "../../components/icon";
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import { Chat } from "./chat";
import { RaiseHandButton, ReactionButtons, UnderstandingButtons } from "./pupil-reactions";
import css from "./pupil-dock.module.css";

const tools = [
  ["taps", ThumbsUp],
  ["react", SmilePlus],
  ["chat", MessageCircle],
] as const;
type Tool = (typeof tools)[number][0];

// stage: something is on the stage, so that the chat of a phone makes room for it.
export function PupilDock({ room, stage }: { room: Room; stage: boolean }) {
  const [open, setOpen] = useState<Tool | "">("");
  const count = room.messages.value.length;
  const seen = useRef(count);
  const reading = open === "chat" || !stage;
  if (reading) seen.current = count;
  const unread = count - seen.current;
  useEffect(() => setOpen(""), [stage]);
  useEffect(() => {
    const close = (e: KeyboardEvent) => e.key === "Escape" && setOpen("");
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, []);
  return (
    <div class={css.dock} data-stage={stage || undefined} data-open={open || undefined}>
      <section class={css.bar} aria-labelledby="panel-title">
        <h2 id="panel-title" class="visually-hidden">
          {t("lesson.panel")}
        </h2>
        <RaiseHandButton room={room} />
        {tools.map(([tool, icon]) => (
          <button
            key={tool}
            type="button"
            class={`${css.tool} ${css[`${tool}Tool`]}`}
            aria-expanded={open === tool}
            aria-controls={`dock-${tool}`}
            onClick={() => setOpen(open === tool ? "" : tool)}
          >
            <Icon icon={icon} />
            <span>{t(`dock.${tool}`)}</span>
            {tool === "chat" && unread > 0 && (
              <b class={css.unread}>
                {unread > 99 ? "99+" : unread}
                <span class="visually-hidden"> {t("chat.new")}</span>
              </b>
            )}
          </button>
        ))}
        <div id="dock-taps" class={`${css.layer} ${css.taps}`}>
          <UnderstandingButtons room={room} />
        </div>
        <div id="dock-react" class={`${css.layer} ${css.react}`}>
          <ReactionButtons room={room} />
        </div>
      </section>
      <div id="dock-chat" class={css.talk}>
        <Chat room={room} />
      </div>
    </div>
  );
}
