// Who is in which group. A pupil is moved by dragging, or with the list behind the name.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { GripVertical } from "lucide";
import { Icon } from "../../../components/icon";
import { maxGroupName } from "../../../contract";
import { t } from "../../../locales/i18n";
import type { Room } from "../../../state/room";
import css from "./groups-sheet.module.css";

export function GroupMembers({
  room,
  here,
  onRename,
}: {
  room: Room;
  here: string[];
  onRename?: (group: string, name: string) => void;
}) {
  const list = room.groups.list.value;
  const placed = new Set(list.flatMap((g) => g.members));
  const free = here.filter((user) => !placed.has(user));
  // The list of a pupil who was moved is in another group now: the focus goes with it.
  const place = useRef<HTMLDivElement>(null);
  const moved = useRef("");
  useLayoutEffect(() => {
    if (!moved.current || document.activeElement !== document.body) return;
    [...place.current!.querySelectorAll("select")].find((e) => e.name === moved.current)?.focus();
    moved.current = "";
  }, [list]);
  const rest = { id: "", name: t("groups.nobody"), members: free };
  return (
    <div class={css.groups} ref={place}>
      {[...list, ...(free.length ? [rest] : [])].map((g) => (
        <Members
          key={g.id}
          room={room}
          group={g}
          onRename={g.id ? onRename : undefined}
          onMove={(user) => (moved.current = user)}
        />
      ))}
    </div>
  );
}

function Members({
  room,
  group,
  onRename,
  onMove,
}: {
  room: Room;
  group: { id: string; name: string; members: string[] };
  onRename?: (group: string, name: string) => void;
  onMove: (user: string) => void;
}) {
  const [over, setOver] = useState(false);
  const move = (user: string, to: string) => room.send("groups.move", { user, group: to });
  const drop = (e: DragEvent) => {
    e.preventDefault();
    setOver(false);
    const user = e.dataTransfer?.getData("text/plain");
    if (user) move(user, group.id);
  };
  return (
    <section
      class={over ? `${css.group} ${css.over}` : css.group}
      aria-label={group.name}
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      {onRename ? (
        <input
          class={css.rename}
          value={group.name}
          maxLength={maxGroupName}
          dir="auto"
          aria-label={t("groups.rename", { name: group.name })}
          onChange={(e) => {
            const name = e.currentTarget.value.trim();
            if (name && name !== group.name) onRename(group.id, name);
            else e.currentTarget.value = group.name;
          }}
        />
      ) : (
        <h3>
          <bdi>{group.name}</bdi>
        </h3>
      )}
      <ul>
        {group.members.map((user) => (
          <li key={user} class={css.member} draggable onDragStart={(e) => e.dataTransfer?.setData("text/plain", user)}>
            <Icon icon={GripVertical} />
            <bdi>{room.name(user)}</bdi>
            <select
              name={user}
              value={group.id}
              aria-label={t("groups.moveOne", { name: room.name(user) })}
              onChange={(e) => {
                onMove(user);
                move(user, e.currentTarget.value);
              }}
            >
              {room.groups.list.value.map((g) => (
                <option key={g.id} value={g.id}>
                  {g.name}
                </option>
              ))}
              <option value="">{t("groups.nobody")}</option>
            </select>
          </li>
        ))}
        {group.members.length === 0 && <li class={css.muted}>{t("groups.noMembers")}</li>}
      </ul>
    </section>
  );
}
