// How the connection is: a chip for the header, and a note for when it is away.
import type { Room } from "../../state/room";
import { NamedIcon } from "../../components/named-icon";
import { Delayed } from "../../components/feedback";
import { t } from "../../locales/i18n";
import css from "./connection-status.module.css";

// ConnectionStatus is a dot and a word; the shape of the dot says the same as its colour.
export function ConnectionStatus({ room }: { room: Room }) {
  const s = room.status.value;
  const kind = s === "live" ? "ok" : s === "connecting" || s === "offline" || s === "waiting" ? "wait" : "off";
  return (
    <span class={css.status} data-status={kind} role="status">
      <i aria-hidden="true" />
      {t(`conn.${s}`)}
    </span>
  );
}

// ConnectionNote tells what happens to what was written while the box is out of reach.
export function ConnectionNote({ room }: { room: Room }) {
  const n = room.outbox.value.length;
  if (room.status.value !== "offline") return null;
  return (
    <Delayed>
      <div class={`note warn ${css.away}`} role="status">
        <NamedIcon name="cloud" />
        <p>
          <strong>{t(room.boxAway.value ? "conn.boxAway" : "conn.away")}</strong> {n > 0 && t("conn.kept", { n })}
        </p>
      </div>
    </Delayed>
  );
}
