// The teacher's groups: made by chance, as last time or by hand, opened with a timer, watched one by
// one and called back.
import { useState } from "preact/hooks";
import { History, Minus, Play, Plus, Shuffle, Undo2, Users } from "lucide";
import { Button } from "../../../components/button";
import { Sheet } from "../../../components/dialog";
import { EmptyState } from "../../../components/empty-state";
import { Tabs } from "../../../components/tabs";
import { maxGroups, minGroups } from "../../../contract";
import { t } from "../../../locales/i18n";
import type { Group } from "../../../state/groups";
import type { Room } from "../../../state/room";
import { ChatTools } from "../chat-tools";
import { GroupMembers } from "./group-members";
import { GroupSpace } from "./group-space";
import { GroupTimer } from "./group-timer";
import css from "./groups-sheet.module.css";

const minutes = [0, 3, 5, 10, 15, 20, 30, 45];
const more = 120; // seconds, at one press

export function GroupsSheet({ room, onClose }: { room: Room; onClose: () => void }) {
  return (
    <Sheet title={t("groups.title")} onClose={onClose}>
      <div class={css.sheet} data-part="groups-sheet">
        {room.groups.open.value ? <Watch room={room} /> : <Prepare room={room} />}
      </div>
    </Sheet>
  );
}

// shuffle is a list in an order by chance.
function shuffle<T>(list: T[]): T[] {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

// pupilsHere are the ids of the pupils in the room.
const pupilsHere = (room: Room) => [
  ...new Set(room.present.value.filter((p) => p.role === "pupil").map((p) => p.user)),
];

function Prepare({ room }: { room: Room }) {
  const g = room.groups;
  const here = pupilsHere(room);
  const list = g.list.value;
  const [count, setCount] = useState(
    Math.min(maxGroups, Math.max(minGroups, list.length || Math.round(here.length / 4))),
  );
  const [time, setTime] = useState(10);
  const make = (groups: { name: string; members: string[] }[]) => room.send("groups.make", { groups });
  const makeEmpty = () =>
    Array.from({ length: count }, (_, i) => ({ name: t("groups.nameN", { i: i + 1 }), members: [] as string[] }));
  const makeRandom = () => {
    const groups = makeEmpty();
    for (const [i, user] of shuffle(here).entries()) groups[i % count]!.members.push(user);
    make(groups);
  };
  const makeSame = () => {
    const known = (user: string) => room.people.value.has(user) && !room.removed.value.includes(user);
    make(g.last.value.map(({ name, members }) => ({ name, members: members.filter(known) })));
  };
  return (
    <>
      <div class={css.count} role="group" aria-label={t("groups.count")}>
        <span>{t("groups.count")}</span>
        <Button
          icon={Minus}
          label={t("groups.fewer")}
          disabled={count <= minGroups}
          onClick={() => setCount(count - 1)}
        />
        <output aria-live="polite">{new Intl.NumberFormat(document.documentElement.lang).format(count)}</output>
        <Button
          icon={Plus}
          label={t("groups.more")}
          disabled={count >= maxGroups}
          onClick={() => setCount(count + 1)}
        />
      </div>
      <div class={css.ways}>
        <Button kind={list.length ? "secondary" : "primary"} icon={Shuffle} onClick={makeRandom}>
          {t("groups.random")}
        </Button>
        {g.last.value.length > 0 && (
          <Button icon={History} onClick={makeSame}>
            {t("groups.same")}
          </Button>
        )}
        <Button icon={Users} onClick={() => make(makeEmpty())}>
          {t("groups.byHand")}
        </Button>
      </div>
      {list.length === 0 ? (
        <EmptyState icon={Users}>{t("groups.empty")}</EmptyState>
      ) : (
        <>
          <GroupMembers
            room={room}
            here={here}
            onRename={(id, name) => make(list.map((o) => ({ name: o.id === id ? name : o.name, members: o.members })))}
          />
          <div class={css.start}>
            <label>
              <span>{t("groups.time")}</span>
              <select value={String(time)} onChange={(e) => setTime(Number(e.currentTarget.value))}>
                {minutes.map((m) => (
                  <option key={m} value={String(m)}>
                    {m ? t("groups.minutes", { n: m }) : t("groups.noTime")}
                  </option>
                ))}
              </select>
            </label>
            <Button kind="primary" icon={Play} onClick={() => openGroups(room, time * 60)}>
              {t("groups.start")}
            </Button>
          </div>
        </>
      )}
    </>
  );
}

// openGroups also takes a leaderboard and an answer that the class has seen off the projector, which
// shows the groups and their time. An open question stays: it waits for answers.
function openGroups(room: Room, seconds: number) {
  const { ranked, round } = room.quiz;
  const r = round.value;
  if (ranked.value) room.send("quiz.rank", { on: false });
  if (r && ["locked", "revealed"].includes(r.state)) room.send("quiz.close", { round: r.round });
  room.send("groups.open", { seconds });
}

function Watch({ room }: { room: Room }) {
  const list = room.groups.list.value;
  const [chosen, choose] = useState("");
  const shown: Group = list.find((o) => o.id === chosen) ?? list[0]!;
  return (
    <>
      <div class={css.start}>
        <GroupTimer room={room} />
        {room.groups.ends.value > 0 && (
          <Button icon={Plus} onClick={() => room.send("groups.extend", { seconds: more })}>
            {t("groups.extend", { n: more / 60 })}
          </Button>
        )}
        <Button kind="primary" icon={Undo2} mirrored onClick={() => room.send("groups.close")}>
          {t("groups.callBack")}
        </Button>
      </div>
      <Tabs
        label={t("groups.title")}
        tabs={list.map((o) => ({ id: o.id, label: o.name, count: o.members.length }))}
        value={shown.id}
        onChange={choose}
      >
        <GroupSpace
          key={shown.id}
          room={room}
          group={shown.id}
          staff
          tools={(l) => (
            <ChatTools room={room} m={l} onRemove={() => room.send("groups.remove", { group: shown.id, seq: l.seq })} />
          )}
        />
      </Tabs>
      <details class={css.movers}>
        <summary>{t("groups.move")}</summary>
        <GroupMembers room={room} here={pupilsHere(room)} />
      </details>
    </>
  );
}
