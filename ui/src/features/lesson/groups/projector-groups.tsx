// The groups on the wall: names, members and a big timer.
import { t } from "../../../locales/i18n";
import type { Room } from "../../../state/room";
import { GroupTimer } from "./group-timer";
import css from "./groups.module.css";

export function GroupsWall({ room }: { room: Room }) {
  const list = room.groups.list.value;
  return (
    <section
      class={css.wall}
      aria-labelledby="groups-wall"
      data-part="groups-wall"
      data-many={list.length > 6 || undefined}
    >
      <div class={css.wallHead}>
        <h1 id="groups-wall">{t("groups.wall")}</h1>
        <GroupTimer room={room} />
      </div>
      <ul class={css.wallGroups}>
        {list.map((g) => (
          <li key={g.id}>
            <h2>
              <bdi>{g.name}</bdi>
            </h2>
            <p>
              {g.members.map((user) => (
                <bdi key={user}>{room.name(user)}</bdi>
              ))}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
