// What every page of a lesson shows of pictures and sound before any media is loaded: that
// it is recorded, and for a pupil where one takes part.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t, withTexts } from "../core/i18n";
import { Icon } from "../core/kit";
import type { State } from "../core/api";
import type { Room } from "../core/room";

type Who = "teacher" | "pupil" | "screen";
type Part = ComponentType<{ room: Room; who: Who; home: string }>;

// secureHome is this page over https, where a browser allows a camera.
export function secureHome(state: State): string {
  const a = state.https[0];
  if (!a) return "";
  const url = new URL(a);
  return `https://${location.hostname}${url.port ? `:${url.port}` : ""}${location.pathname}`;
}

// Recorded is the light: a word and a mark, never colour alone.
export function Recorded({ room }: { room: Room }) {
  const on = room.onair.recording.value;
  return <div role="status">{on && <p class="recorded"><i aria-hidden="true" />{t(on.pupils ? "onair.recordedAll" : "onair.recorded")}</p>}</div>;
}

// Calls loads the media part when it is wanted.
export function Calls({ room, who, home, wanted }: { room: Room; who: Who; home: string; wanted: boolean }) {
  const [part, setPart] = useState<{ Media: Part } | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (wanted && !part) withTexts("call", import("./call")).then(setPart, () => setFailed(true));
  }, [wanted]);
  if (failed) return <p class="note bad" role="alert">{t("onair.failed")}</p>;
  return wanted && part ? <part.Media room={room} who={who} home={home} /> : null;
}

// Place lets a pupil say that they are not in the room, and see and hear then.
export function Place({ room, home }: { room: Room; home: string }) {
  const air = room.onair;
  const remote = air.place.value === "remote";
  const invited = air.mine.value.length > 0;
  return (
    <>
      {invited && <p class="note" role="status"><Icon name="hand" /> {t("onair.invited")}</p>}
      <Calls room={room} who="pupil" home={home} wanted={remote || invited} />
      {(air.list.value.length > 0 || remote) && (
        <button type="button" class="quiet place" onClick={() => room.send("call.place", { place: remote ? "room" : "remote" })}>
          {t(remote ? "onair.backInRoom" : "onair.remote")}
        </button>
      )}
    </>
  );
}
