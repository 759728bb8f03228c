// What pupils may do just now: three switches that say their state in words, and turning pages.
import { pendingCommand, type Room } from "../../state/room";
import { t } from "../../locales/i18n";
import { NamedIcon } from "../../components/named-icon";
import css from "./pupil-permissions.module.css";

const kinds = ["chat", "react", "raise"] as const;

export function PupilPermissions({ room }: { room: Room }) {
  return (
    <div class={css.locks} role="group" aria-label={t("people.locks")}>
      {kinds.map((what) => {
        const on = !!room.locks.value[what];
        const wait = pendingCommand(room, "room.lock", { what });
        return (
          <button
            key={what}
            type="button"
            class={css.lock}
            aria-pressed={on}
            disabled={!room.lesson.value.id || !!wait}
            onClick={() => room.send("room.lock", { what, on: !on })}
          >
            <span class="visually-hidden">{t("people.lock")}: </span>
            {on && <NamedIcon name="lock" />}
            <span>{t(`people.lock.${what}`)}</span>
            <small aria-hidden="true">{t(wait ? "people.lockWait" : on ? "people.lockOn" : "people.lockOff")}</small>
          </button>
        );
      })}
      <label class="check">
        <input
          type="checkbox"
          checked={!room.board.follow.value}
          onChange={(e) => room.send("board.follow", { on: !e.currentTarget.checked })}
        />
        {t("board.free")}
      </label>
    </div>
  );
}
