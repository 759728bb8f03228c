// Raised hands, the longest waiting first, and the taps: how the class is doing.
import { useEffect, useRef, useState } from "preact/hooks";
import { Check } from "lucide";
import { Button } from "../../components/button";
import { pendingCommand, type Room } from "../../state/room";
import { span, t } from "../../locales/i18n";
import { EmptyNote } from "../../components/feedback";
import { NamedIcon } from "../../components/named-icon";
import { useNow } from "../../components/hooks";
import { Panel } from "../../components/panel";
import css from "./raised-hands.module.css";

// useNewHands says a new hand aloud once.
function useNewHands(room: Room): string {
  const hands = room.hands.value;
  const before = useRef<Set<string> | null>(null);
  const [news, setNews] = useState("");
  useEffect(() => {
    const fresh = before.current ? hands.filter((h) => !before.current!.has(h.user)) : [];
    before.current = room.lesson.value.id ? new Set(hands.map((h) => h.user)) : null;
    if (fresh.length)
      setNews(t("hand.news", { name: fresh.map((h) => room.name(h.user)).join(", "), n: hands.length }));
  }, [hands]);
  return news;
}

export function RaisedHands({ room }: { room: Room }) {
  const hands = room.hands.value;
  const news = useNewHands(room);
  const n = hands.length;
  return (
    <>
      <p class="visually-hidden" role="status" aria-live="polite">
        {news}
      </p>
      <Panel
        id="hands"
        room={room}
        title={n ? t("hand.titleN", { n }) : t("hand.title")}
        tools={
          n > 1 && (
            <Button
              disabled={!!pendingCommand(room, "hand.lower", { all: true })}
              onClick={() => room.send("hand.lower", { all: true })}
            >
              {t("hand.lowerAll")}
            </Button>
          )
        }
      >
        {n === 0 ? (
          <EmptyNote>{t(room.locks.value.raise ? "hand.emptyLocked" : "hand.empty")}</EmptyNote>
        ) : (
          <Queue room={room} />
        )}
      </Panel>
    </>
  );
}

function Queue({ room }: { room: Room }) {
  useNow();
  const now = room.now();
  return (
    <ol class={css.hands} data-part="hands">
      {room.hands.value.map((h, i) => (
        <li key={h.user} class={i === 0 ? css.first : undefined}>
          <span class={css.mark}>
            <NamedIcon name="hand" />
          </span>
          <bdi class={css.name}>{room.name(h.user)}</bdi>
          <span class={css.wait}>
            <span class="visually-hidden">{t("hand.waiting")} </span>
            {span(now - h.at)}
          </span>
          <Button
            kind="quiet"
            icon={Check}
            label={t("hand.lowerOne", { name: room.name(h.user) })}
            disabled={!!pendingCommand(room, "hand.lower", { user: h.user })}
            onClick={() => room.send("hand.lower", { user: h.user })}
          />
        </li>
      ))}
    </ol>
  );
}
