// The class in the room: who is here, who was, who is still to come, and what a teacher
// can do about one of them.
import { useEffect, useState } from "preact/hooks";
import { Hand, LogOut, MessageSquare, MessageSquareOff, Mic, MicOff, Timer, UserX, Video } from "lucide";
import { Button } from "../../components/button";
import { api, type Person } from "../../api/box";
import type { Fault } from "../../api/http";
import type { Room } from "../../state/room";
import { t } from "../../locales/i18n";
import { EmptyNote, showError, showMessage } from "../../components/feedback";
import { Menu, type MenuItem } from "../../components/menu";
import { Panel } from "../../components/panel";
import { PupilMark } from "./pupil-mark";
import css from "./participants.module.css";

type Where = "here" | "away" | "none" | "removed";

// useSeenPupils is the pupils who were in this lesson at some time: those who hold their name,
// and those this page saw.
export function useSeenPupils(room: Room): Set<string> {
  const lesson = room.lesson.value.id;
  const key = `ll:seen:${lesson}`;
  const [seen, setSeen] = useState<Set<string>>(new Set());
  const add = (users: string[]) =>
    setSeen((was) => {
      const all = new Set([...was, ...users]);
      if (all.size === was.size) return was;
      try {
        sessionStorage.setItem(key, JSON.stringify([...all]));
      } catch {
        // a private window: remembered as long as the page
      }
      return all;
    });
  const code = room.info.value?.id === lesson ? room.info.value?.key : undefined;
  useEffect(() => {
    try {
      setSeen(new Set(JSON.parse(sessionStorage.getItem(key) ?? "[]")));
    } catch {
      setSeen(new Set());
    }
  }, [lesson]);
  useEffect(() => {
    if (!code) return;
    api.look({ key: code }).then(
      (l) => l.lesson.id === lesson && add(l.names.filter((n) => n.taken).map((n) => n.id)),
      () => {},
    );
  }, [code, lesson]);
  const present = room.present.value;
  useEffect(() => {
    if (lesson) add(present.filter((p) => p.role === "pupil").map((p) => p.user));
  }, [present, lesson]);
  return seen;
}

const order: Where[] = ["here", "away", "none", "removed"];

export function Participants({ room, seen }: { room: Room; seen: Set<string> }) {
  const here = new Set(room.present.value.map((p) => p.user));
  const where = (p: Person): Where =>
    room.removed.value.includes(p.id) ? "removed" : here.has(p.id) ? "here" : seen.has(p.id) ? "away" : "none";
  const pupils = [...room.people.value.values()]
    .filter((p) => p.role === "pupil")
    .sort((a, b) => a.name.localeCompare(b.name));
  const groups = order
    .map((w) => [w, pupils.filter((p) => where(p) === w)] as const)
    .filter(([, list]) => list.length > 0);
  return (
    <Panel id="people" room={room} title={t("people.title")}>
      {pupils.length === 0 && <EmptyNote>{t("people.empty")}</EmptyNote>}
      {groups.map(([w, list]) => (
        <div key={w} class={css.group} data-where={w}>
          <h3>
            <i class={css.where} aria-hidden="true" />
            {t(`people.${w}`, { n: list.length })}
          </h3>
          <ul class={css.people}>
            {list.map((p) => (
              <Line key={p.id} p={p} where={w} room={room} seen={seen.has(p.id)} />
            ))}
          </ul>
        </div>
      ))}
    </Panel>
  );
}

function Line({ p, where, room, seen }: { p: Person; where: Where; room: Room; seen: boolean }) {
  const hand = room.hands.value.some((h) => h.user === p.id);
  const tap = room.taps.value[p.id];
  const muted = room.muted.value.includes(p.id);
  const invited = (room.onair.invited.value[p.id] ?? []).length > 0;
  const onair = room.onair.list.value.some((s) => s.user === p.id);
  const quiet = room.onair.muted.value.some((m) => m.user === p.id && m.source === "microphone");
  const mute = (on: boolean) => {
    room.send("room.mute", { user: p.id, on });
    showMessage(t(on ? "people.mutedNow" : "people.unmutedNow", { name: p.name }), () =>
      room.send("room.mute", { user: p.id, on: !on }),
    );
  };
  const readmit = () => room.send("room.readmit", { user: p.id });
  const remove = () => {
    if (hand) room.send("hand.lower", { user: p.id });
    room.send("room.remove", { user: p.id });
    showMessage(t("people.removedNow", { name: p.name }), readmit);
  };
  const release = () =>
    api.release(room.lesson.value.id, p.id).then(
      () => showMessage(t("people.released", { name: p.name })),
      (f: Fault) => showError(f),
    );
  const actions: MenuItem[] = [
    ...(hand
      ? [{ label: t("people.lower"), icon: Hand, onSelect: () => void room.send("hand.lower", { user: p.id }) }]
      : []),
    {
      label: t(muted ? "people.unmute" : "people.mute"),
      icon: muted ? MessageSquare : MessageSquareOff,
      onSelect: () => mute(!muted),
    },
    {
      label: t(invited ? "people.uninvite" : "people.invite"),
      icon: Video,
      onSelect: () => void room.send("call.invite", { user: p.id, sources: invited ? [] : ["microphone", "camera"] }),
    },
    ...(onair
      ? [
          {
            label: t(quiet ? "people.unmuteMic" : "people.muteMic"),
            icon: quiet ? Mic : MicOff,
            onSelect: () => void room.send("call.mute", { user: p.id, source: "microphone", on: !quiet }),
          },
        ]
      : []),
    ...[1, 1.5, 2]
      .filter((f) => f !== (room.quiz.allowed.value[p.id] ?? 1))
      .map((f) => ({
        label: t(f === 1 ? "people.timePlain" : "people.time", { factor: f }),
        icon: Timer,
        onSelect: () => void room.send("quiz.allow", { user: p.id, factor: f }),
      })),
    ...(where === "here" || seen ? [{ label: t("people.release"), icon: LogOut, onSelect: () => void release() }] : []),
    { label: t("people.remove"), icon: UserX, danger: true, onSelect: remove },
  ];
  return (
    <li class={css.person} data-person={where} data-tap={tap || undefined}>
      <span class={css.name}>
        <bdi>{p.name}</bdi>
      </span>
      <span class={css.marks}>
        {hand && <PupilMark icon="hand">{t("people.hand")}</PupilMark>}
        {tap && (
          <PupilMark what={tap} icon={tap as "yes" | "no" | "lost"}>
            {t(`hand.tap.${tap}`)}
          </PupilMark>
        )}
        {onair ? <PupilMark>{t("people.onair")}</PupilMark> : invited && <PupilMark>{t("people.invited")}</PupilMark>}
        {room.onair.remote.value.includes(p.id) && <PupilMark>{t("people.remote")}</PupilMark>}
        {muted && (
          <PupilMark what="muted" icon="lock">
            {t("people.muted")}
          </PupilMark>
        )}
      </span>
      {where === "removed" ? (
        <Button label={t("people.readmitOne", { name: p.name })} onClick={readmit}>
          {t("people.readmit")}
        </Button>
      ) : (
        <Menu label={t("people.menu", { name: p.name })} items={actions} />
      )}
    </li>
  );
}
