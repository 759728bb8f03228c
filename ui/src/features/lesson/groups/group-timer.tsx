// The time that groups have left.
import { TimerRing } from "../../../components/meter";
import { useNow } from "../../../components/hooks";
import { span, t } from "../../../locales/i18n";
import type { Room } from "../../../state/room";

export function GroupTimer({ room }: { room: Room }) {
  useNow();
  const ends = room.groups.ends.value;
  if (!ends) return null;
  const left = Math.max(0, ends - room.now());
  return (
    <TimerRing left={Math.min(1, left / 600_000)} text={span(left)} label={t("groups.left")} low={left < 60_000} />
  );
}
