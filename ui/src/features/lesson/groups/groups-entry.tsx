// What the pages of a lesson have of groups before the groups' part is loaded.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Split } from "lucide";
import { Button } from "../../../components/button";
import { PartMissing } from "../../../components/feedback";
import { useNow } from "../../../components/hooks";
import { span, t, withTexts } from "../../../locales/i18n";
import type { Room } from "../../../state/room";

type Part<Props> = ComponentType<{ room: Room } & Props>;

// usePart loads a part and its texts when it is wanted for the first time.
function usePart<Props>(wanted: boolean, load: () => Promise<Part<Props>>) {
  const [part, setPart] = useState<{ Part: Part<Props> } | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (wanted && !part) {
      withTexts("groups", load()).then(
        (Part) => setPart({ Part }),
        () => setFailed(true),
      );
    }
  }, [wanted]);
  return { Part: part?.Part ?? null, failed };
}

// PupilGroups is a pupil's group while groups are open, and the way back after it.
export function PupilGroups({ room }: { room: Room }) {
  const wanted = room.groups.open.value || room.groups.returned.value;
  const { Part, failed } = usePart(wanted, async () => (await import("./pupil-groups")).PupilGroup);
  if (!wanted) return null;
  if (failed) return <PartMissing />;
  return Part && <Part room={room} />;
}

// ProjectorGroups is on the wall while groups are open.
export function ProjectorGroups({ room }: { room: Room }) {
  const wanted = room.groups.open.value;
  const { Part } = usePart(wanted, async () => (await import("./projector-groups")).GroupsWall);
  return wanted && Part ? <Part room={room} /> : null;
}

// GroupsButton opens the teacher's sheet. While groups are open it shows the time that is left.
export function GroupsButton({ room }: { room: Room }) {
  const [wanted, setWanted] = useState(false);
  const { Part, failed } = usePart<{ onClose: () => void }>(
    wanted,
    async () => (await import("./groups-sheet")).GroupsSheet,
  );
  const { open, ends } = room.groups;
  return (
    <>
      <Button
        kind="quiet"
        icon={Split}
        label={t("groups.title")}
        aria-expanded={wanted}
        onClick={() => setWanted(true)}
      >
        {open.value && (ends.value ? <TimeLeft room={room} /> : t("groups.on"))}
      </Button>
      {wanted && failed && <PartMissing />}
      {wanted && Part && <Part room={room} onClose={() => setWanted(false)} />}
    </>
  );
}

function TimeLeft({ room }: { room: Room }) {
  useNow();
  return <bdi>{span(room.groups.ends.value - room.now())}</bdi>;
}
