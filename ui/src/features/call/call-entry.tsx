// What every page of a lesson shows of pictures and sound before any media is loaded: that
// it is recorded, and for a pupil where one takes part.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button } from "../../components/button";
import { t, withTexts } from "../../locales/i18n";
import { PartMissing } from "../../components/feedback";
import { NamedIcon } from "../../components/named-icon";
import type { Room } from "../../state/room";
import css from "./call-entry.module.css";

type Who = "teacher" | "pupil" | "screen";
type Part = ComponentType<{ room: Room; who: Who; home: string }>;

// RecordingNotice is the light: a word and a mark, never colour alone.
export function RecordingNotice({ room }: { room: Room }) {
  const on = room.onair.recording.value;
  return (
    <div role="status">
      {on && (
        <p class={css.recorded} data-part="recorded">
          <i aria-hidden="true" />
          {t(on.pupils ? "onair.recordedAll" : "onair.recorded")}
        </p>
      )}
    </div>
  );
}

// CallLoader loads the media part when it is wanted.
// While it is not shown, it sounds all the same.
export function CallLoader({
  room,
  who,
  home,
  wanted,
  shown = true,
}: {
  room: Room;
  who: Who;
  home: string;
  wanted: boolean;
  shown?: boolean;
}) {
  const [part, setPart] = useState<{ CallPanel: Part } | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (wanted && !part) withTexts("call", import("./call-panel")).then(setPart, () => setFailed(true));
  }, [wanted]);
  if (failed) return <PartMissing />;
  if (!wanted || !part) return null;
  return (
    <div hidden={!shown}>
      <part.CallPanel room={room} who={who} home={home} />
    </div>
  );
}

// PupilCall lets a pupil say that they are not in the room, and see and hear then.
export function PupilCall({ room, home }: { room: Room; home: string }) {
  const air = room.onair;
  const remote = air.place.value === "remote";
  const invited = air.mine.value.length > 0;
  return (
    <>
      {invited && (
        <p class="note" role="status">
          <NamedIcon name="hand" /> {t("onair.invited")}
        </p>
      )}
      <CallLoader room={room} who="pupil" home={home} wanted={remote || invited} />
      {(air.list.value.length > 0 || remote) && (
        <Button kind="quiet" onClick={() => room.send("call.place", { place: remote ? "room" : "remote" })}>
          {t(remote ? "onair.backInRoom" : "onair.remote")}
        </Button>
      )}
    </>
  );
}
