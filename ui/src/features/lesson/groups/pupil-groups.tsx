// A pupil's group: its name, who is in it, the time, its page and its chat.
import { Users } from "lucide";
import { Button } from "../../../components/button";
import { Icon } from "../../../components/icon";
import { t } from "../../../locales/i18n";
import type { Room } from "../../../state/room";
import { GroupSpace } from "./group-space";
import { GroupTimer } from "./group-timer";
import css from "./groups.module.css";

export function PupilGroup({ room }: { room: Room }) {
  const g = room.groups;
  const mine = g.mine.value;
  const me = room.me.value.user;
  if (!g.open.value) {
    if (!g.returned.value) return null;
    return (
      <section class={`${css.card} ${css.back}`} role="status">
        <p>{t("groups.back")}</p>
        <Button kind="primary" onClick={() => (g.returned.value = false)}>
          {t("groups.toClass")}
        </Button>
      </section>
    );
  }
  if (!mine)
    return (
      <section class={css.card} role="status">
        <p>{t("groups.none")}</p>
      </section>
    );
  return (
    <section class={css.card} aria-labelledby="group-name" data-part="group">
      <div class={css.head}>
        <div>
          <p class={css.muted}>{t("groups.yours")}</p>
          <h2 id="group-name" class={css.name} data-long={/\S{15}/.test(mine.name) || undefined}>
            <bdi>{mine.name}</bdi>
          </h2>
        </div>
        <GroupTimer room={room} />
      </div>
      <ul class={css.members} aria-label={t("groups.members")}>
        <li aria-hidden="true">
          <Icon icon={Users} />
        </li>
        {mine.members.map((user) => (
          <li key={user}>
            <bdi>{user === me ? t("chat.you") : room.name(user)}</bdi>
          </li>
        ))}
      </ul>
      <GroupSpace room={room} group={mine.id} />
    </section>
  );
}
