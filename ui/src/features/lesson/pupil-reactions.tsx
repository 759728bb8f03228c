// What a pupil does with one tap: the hand, an answer to "are you with me?", a reaction.
import type { Room } from "../../state/room";
import { NamedIcon } from "../../components/named-icon";
import { Reaction } from "../../components/reaction";
import { t } from "../../locales/i18n";
import css from "./pupil-reactions.module.css";

const answers = ["yes", "no", "lost"] as const;
const emojis = [
  ["👍", "like"],
  ["❤️", "love"],
  ["😂", "laugh"],
  ["👏", "clap"],
  ["🎉", "cheer"],
  ["😮", "wow"],
] as const;

// asked is the last of these commands that the box has not answered yet.
const asked = (room: Room, ...events: string[]) => room.outbox.value.filter((e) => events.includes(e.event)).at(-1);

const open = (room: Room) =>
  !room.lesson.value.ended && (room.status.value === "live" || room.status.value === "offline");

export function RaiseHandButton({ room }: { room: Room }) {
  const me = room.me.value.user;
  const place = room.hands.value.findIndex((h) => h.user === me) + 1;
  const asking = asked(room, "hand.raise", "hand.lower");
  const up = asking ? asking.event === "hand.raise" : place > 0;
  const locked = !up && !!room.locks.value.raise;
  const note = locked
    ? t("tap.hand.locked")
    : !up
      ? t("tap.hand.hint")
      : place === 0
        ? t("tap.hand.waiting")
        : place === 1
          ? t("tap.hand.first")
          : t("tap.hand.place", { place });
  return (
    <div class={css.hand}>
      <button
        type="button"
        aria-pressed={up}
        aria-describedby="hand-note"
        disabled={locked || !open(room)}
        onClick={() => room.send(up ? "hand.lower" : "hand.raise")}
      >
        <NamedIcon name={locked ? "lock" : "hand"} />
        {t(up ? "tap.hand.lower" : "tap.hand.raise")}
      </button>
      <p id="hand-note" role="status" class={up || locked ? css.note : "visually-hidden"}>
        {note}
      </p>
    </div>
  );
}

export function UnderstandingButtons({ room }: { room: Room }) {
  const asking = asked(room, "tap.set");
  const mine = asking ? String(asking.payload.tap) : (room.taps.value[room.me.value.user] ?? "");
  return (
    <div class={css.taps} role="group" aria-labelledby="taps-title">
      <p id="taps-title">{t("tap.title")}</p>
      <div>
        {answers.map((k) => (
          <button
            key={k}
            type="button"
            data-tap={k}
            aria-pressed={mine === k}
            disabled={!open(room)}
            onClick={() => room.send("tap.set", { tap: mine === k ? "" : k })}
          >
            <NamedIcon name={k} />
            {t(`tap.${k}`)}
          </button>
        ))}
      </div>
    </div>
  );
}

export function ReactionButtons({ room, staff = false }: { room: Room; staff?: boolean }) {
  const why = staff
    ? ""
    : room.muted.value.includes(room.me.value.user)
      ? "muted"
      : room.locks.value.react
        ? "locked"
        : "";
  if (why)
    return (
      <p class={css.shut}>
        <NamedIcon name="lock" />
        {t(`tap.react.${why}`)}
      </p>
    );
  return (
    <div class={css.reactions} role="group" aria-label={t("tap.react")}>
      {emojis.map(([emoji, name]) => (
        <button
          key={emoji}
          type="button"
          aria-label={t(`tap.react.${name}`)}
          disabled={room.status.value !== "live" || !open(room)}
          onClick={() => room.flash("tap.react", { emoji })}
        >
          <Reaction emoji={emoji} />
        </button>
      ))}
    </div>
  );
}
