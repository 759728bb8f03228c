// What the teachers' pages have of groups before the groups' part is loaded.
import { useState } from "preact/hooks";
import { Split } from "lucide";
import { Button } from "../../../components/button";
import { PartMissing } from "../../../components/feedback";
import { useNow } from "../../../components/hooks";
import { span, t } from "../../../locales/i18n";
import type { Room } from "../../../state/room";
import { usePart } from "./groups-entry";

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
