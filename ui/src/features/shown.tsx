// The question on the projector: no name before the reveal, and none of a pupil's answer.
import { Icon } from "../core/kit";
import { t } from "../core/i18n";
import type { Item } from "../core/quiz";
import type { Room } from "../core/room";
import { optionsOf, Shape } from "./question";
import { Ranking, Stars, Timer } from "./round";
import "./shown.css";

export function Shown({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value;
  if (q.ranked.value) return <Ranking room={room} />;
  if (!r) return null;
  const item = r.items[0];
  return (
    <div class="shown">
      <div class="shown-top">
        <p class="muted">{r.items.length > 1 ? t("stage.own", { n: r.items.length }) : r.index >= 0 ? t("quiz.of", { i: r.index + 1, of: r.of }) : t("quiz.one")}</p>
        {q.end.value !== null ? <Timer room={room} end={q.end.value} /> : r.paused ? <p class="round-state">{t("quiz.paused")}</p> : r.state === "locked" ? <p class="round-state"><Icon name="lock" />{t("quiz.locked")}</p> : null}
      </div>
      {r.items.length === 1 && item ? <One room={room} item={item} /> : null}
      {r.items.some((i) => i.kind !== "slide") && <Answered room={room} />}
      <Stars room={room} />
    </div>
  );
}

function One({ room, item }: { room: Room; item: Item }) {
  const told = room.quiz.told.value;
  const counts = told?.counts?.[item.id];
  const right = told?.keys?.[item.id];
  const all = Math.max(1, ...Object.values(counts ?? {}));
  const name = (id: string, list = item.options) => list?.find((o) => o.id === id)?.text ?? "";
  const words = [
    ...(right?.texts ?? []), ...(right?.numbers ?? []),
    ...(item.kind === "match" ? Object.entries(right?.pairs ?? {}).map(([a, b]) => `${name(a)} – ${name(b, item.choices)}`) : []),
    ...(item.kind === "order" ? [(right?.order ?? []).map((id) => name(id)).join(" → ")] : []),
  ].filter(Boolean);
  return (
    <>
      <h1 class="shown-text"><bdi>{item.text}</bdi></h1>
      <ul class={item.kind === "order" || item.kind === "match" ? "shown-options plain" : "shown-options"}>
        {optionsOf(item).map((o, n) => {
          const ok = right?.right?.includes(o.id);
          return (
            <li key={o.id} class={ok ? "right" : ""}>
              <Shape n={n} /><span class="option-text"><bdi>{o.text}</bdi></span>
              {ok && <span class="option-mark"><Icon name="yes" /><span class="visually-hidden">{t("quiz.right")}</span></span>}
              {counts?.[o.id] !== undefined && <><progress max={all} value={counts[o.id]} aria-hidden="true" /><b>{counts[o.id]}</b></>}
            </li>
          );
        })}
      </ul>
      {words.length > 0 && <p class="shown-right"><Icon name="yes" />{t("quiz.answer")} <bdi>{words.join(" · ")}</bdi></p>}
      {right?.general && <p><bdi>{right.general}</bdi></p>}
    </>
  );
}

function Answered({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value!;
  const asked = r.items.filter((i) => i.kind !== "slide");
  const n = asked.reduce((sum, i) => sum + (q.answered.value[i.id] ?? 0), 0);
  const of = Math.max(room.pupilsHere.value, 1) * asked.length;
  return <p class="shown-answered"><span>{t("stage.answered", { n, of })}</span><progress max={of} value={n} aria-hidden="true" /></p>;
}
