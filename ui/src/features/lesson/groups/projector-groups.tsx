// The groups on the wall: names, members and a big timer.
import { FitToScreen } from "../../../components/fit-to-screen";
import { t } from "../../../locales/i18n";
import type { Room } from "../../../state/room";
import { GroupTimer } from "./group-timer";
import css from "./projector-groups.module.css";

export function GroupsWall({ room }: { room: Room }) {
  const list = room.groups.list.value;
  return (
    <FitToScreen class={css.wall}>
      <section aria-labelledby="groups-wall" data-part="groups-wall">
        <div class={css.wallHead}>
          <h1 id="groups-wall">{t("groups.wall")}</h1>
          <GroupTimer room={room} />
        </div>
        <ul class={css.wallGroups} data-many={list.length > 6 || undefined}>
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
    </FitToScreen>
  );
}
