// How the class follows: the answers to "are you with me?", for the teacher.
import { pendingCommand, type Room } from "../../state/room";
import { Button } from "../../components/button";
import { t } from "../../locales/i18n";
import { EmptyNote } from "../../components/feedback";
import { NamedIcon } from "../../components/named-icon";
import { Panel } from "../../components/panel";
import css from "./understanding.module.css";

const kinds = ["lost", "no", "yes"] as const;

export function Understanding({ room }: { room: Room }) {
  const taps = Object.entries(room.taps.value);
  const here = Math.max(room.pupilsHere.value, taps.length, 1);
  return (
    <Panel
      id="taps"
      room={room}
      title={t("hand.taps")}
      tools={
        taps.length > 0 && (
          <Button disabled={!!pendingCommand(room, "tap.clear")} onClick={() => room.send("tap.clear")}>
            {t("hand.tapsClear")}
          </Button>
        )
      }
    >
      {taps.length === 0 ? (
        <EmptyNote>{t("hand.tapsEmpty")}</EmptyNote>
      ) : (
        <ul class={css.list}>
          {kinds.map((kind) => {
            const who = taps
              .filter(([, v]) => v === kind)
              .map(([user]) => room.name(user))
              .sort((a, b) => a.localeCompare(b));
            return (
              <li key={kind} class={css[kind]}>
                <div class={css.line}>
                  <NamedIcon name={kind} />
                  <span>{t(`hand.tap.${kind}`)}</span>
                  <svg class={css.bar} viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
                    <rect width={(100 * who.length) / here} height="12" />
                  </svg>
                  <strong>{new Intl.NumberFormat(document.documentElement.lang).format(who.length)}</strong>
                </div>
                {kind === "lost" && who.length > 0 && (
                  <ul class={css.who}>
                    {who.map((name) => (
                      <li key={name}>
                        <bdi>{name}</bdi>
                      </li>
                    ))}
                  </ul>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}
