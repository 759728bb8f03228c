// What pupils may do just now: three switches that say their state in words.
import type { Room } from "../core/room";
import { t } from "../core/i18n";
import { Icon } from "../core/kit";
import { waits } from "./hands";

const kinds = ["chat", "react", "raise"] as const;

export function Locks({ room }: { room: Room }) {
  return (
    <div class="locks" role="group" aria-label={t("people.locks")}>
      {kinds.map((what) => {
        const on = !!room.locks.value[what];
        const wait = waits(room, "room.lock", { what });
        return (
          <button
            key={what} type="button" class="lock-button" aria-pressed={on} disabled={!room.lesson.value.id || !!wait}
            onClick={() => room.send("room.lock", { what, on: !on })}
          >
            <span class="visually-hidden">{t("people.lock")}: </span>
            {on && <Icon name="lock" />}
            <span>{t(`people.lock.${what}`)}</span>
            <small aria-hidden="true">{t(wait ? "people.lockWait" : on ? "people.lockOn" : "people.lockOff")}</small>
          </button>
        );
      })}
    </div>
  );
}
