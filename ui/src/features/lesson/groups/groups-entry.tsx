// What the pages of a lesson have of groups before the groups' part is loaded.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { PartMissing } from "../../../components/feedback";
import { withTexts } from "../../../locales/i18n";
import type { Room } from "../../../state/room";

type Part<Props> = ComponentType<{ room: Room } & Props>;

// usePart loads a part and its texts when it is wanted for the first time.
export function usePart<Props>(wanted: boolean, load: () => Promise<Part<Props>>) {
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
