// The way into a lesson, and who has come, on the projector.
import { useRef } from "preact/hooks";
import { Users } from "lucide";
import { api, type Lesson as LessonInfo } from "../../api/box";
import { FitToScreen } from "../../components/fit-to-screen";
import { Icon } from "../../components/icon";
import { PageTitle } from "../../components/page-title";
import { lang, t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import css from "./projector-lobby.module.css";

const mostNames = 40;

export const groupCode = (code: string) => `${code.slice(0, 3)}\u2009${code.slice(3)}`;

export function ProjectorLobby({ room, info, address }: { room: Room; info: LessonInfo; address: string }) {
  return (
    <div class={css.lobby} data-lobby>
      <FitToScreen class={css.how}>
        <PageTitle>{t("screen.title")}</PageTitle>
        <p class={css.step}>{t("screen.go")}</p>
        <p class={css.address}>
          <bdi dir="ltr">{address}</bdi>
        </p>
        <p class={css.step}>{t("screen.code")}</p>
        <p class={css.code} data-code role="img" aria-label={info.code!.split("").join(" ")}>
          <bdi dir="ltr">{groupCode(info.code!)}</bdi>
        </p>
      </FitToScreen>
      <figure class={css.scan}>
        <img src={api.qr(info.id)} alt={t("screen.qr")} data-qr />
        <figcaption>{t("screen.scan")}</figcaption>
      </figure>
      <Names room={room} />
    </div>
  );
}

// Names are in the order in which pupils came, so that none moves when another one comes.
function Names({ room }: { room: Room }) {
  const came = useRef<string[]>([]);
  const here = new Map(room.present.value.filter((p) => p.role === "pupil").map((p) => [p.user, p]));
  const fresh = [...here.keys()]
    .filter((user) => !came.current.includes(user))
    .sort((a, b) => room.name(a).localeCompare(room.name(b), lang.value));
  came.current = [...came.current.filter((user) => here.has(user)), ...fresh];
  const shown = came.current.slice(-mostNames);
  const more = came.current.length - shown.length;
  return (
    <section class={css.people} aria-labelledby="here">
      <h2 id="here" data-here={here.size}>
        <Icon icon={Users} />
        {here.size === 0 ? t("screen.nobody") : t("lesson.here", { n: here.size })}
      </h2>
      {here.size === 0 ? (
        <p class={css.empty}>{t("screen.nobody.text")}</p>
      ) : (
        <FitToScreen class={css.names}>
          <ul>
            {shown.map((user) => (
              <li key={user}>
                <bdi>{room.name(user)}</bdi>
              </li>
            ))}
            {more > 0 && <li key="more">{t("stage.more.number", { n: more })}</li>}
          </ul>
        </FitToScreen>
      )}
    </section>
  );
}
