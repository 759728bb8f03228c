// The round at hand as a pupil has it: which question, how long, saved or not.
import { useEffect, useState } from "preact/hooks";
import { Icon, useNow } from "../core/kit";
import { span, t } from "../core/i18n";
import type { Room } from "../core/room";
import { Question } from "./question";
import "./question.css";

export function Round({ room }: { room: Room }) {
  const q = room.quiz;
  const round = q.round.value;
  const [at, setAt] = useState(0);
  useEffect(() => setAt(0), [round?.round]);
  if (q.ranked.value) return <Ranking room={room} />;
  if (!round || round.state === "closed") return <Stars room={room} />;
  const items = round.items;
  const item = items[Math.min(at, items.length - 1)];
  if (!item) return null;
  const many = items.length > 1;
  const done = items.filter((i) => q.mine.value[i.id] || q.waiting.value[i.id]).length;
  return (
    <section class="round card" aria-labelledby="round-title">
      <header class="round-top">
        <h2 id="round-title">{many ? t("quiz.of", { i: at + 1, of: items.length }) : round.index < 0 || item.kind === "slide" ? t(item.kind === "slide" ? "quiz.read" : "quiz.one") : t("quiz.of", { i: round.index + 1, of: round.of })}</h2>
        <State room={room} />
      </header>
      <Question key={item.id} quiz={q} item={item} shut={round.state !== "open" || round.paused} />
      {many && (
        <nav class="row between" aria-label={t("quiz.questions")}>
          <button type="button" disabled={at === 0} onClick={() => setAt(at - 1)}>{t("quiz.back")}</button>
          <span class="muted">{t("quiz.done", { n: done, of: items.length })}</span>
          <button type="button" class={q.mine.value[item.id] ? "primary" : ""} disabled={at >= items.length - 1} onClick={() => setAt(at + 1)}>{t("quiz.next")}</button>
        </nav>
      )}
      {q.told.value && q.max.value > 0 && <p class="muted">{t("quiz.score", { score: q.score.value, max: q.max.value })}</p>}
      <Stars room={room} />
    </section>
  );
}

function State({ room }: { room: Room }) {
  const round = room.quiz.round.value!;
  if (round.paused) return <p class="round-state"><Icon name="waiting" />{t("quiz.paused")}</p>;
  if (round.state === "locked") return <p class="round-state"><Icon name="lock" />{t("quiz.locked")}</p>;
  return round.state === "open" && room.quiz.end.value !== null ? <Timer room={room} end={room.quiz.end.value} /> : null;
}

// Timer shows what is left. It is said aloud once, ten seconds before the end.
export function Timer({ room, end }: { room: Room; end: number }) {
  useNow();
  const left = Math.max(0, end - room.now());
  return (
    <p class={left < 10000 ? "round-state timer soon" : "round-state timer"}>
      <Icon name="waiting" /><span aria-label={t("quiz.left")}>{span(left + 999)}</span>
      <span class="visually-hidden" role="status">{left > 0 && left < 10000 ? t("quiz.soon") : ""}</span>
    </p>
  );
}

// Stars are the answers that the teacher shows, without a name.
export function Stars({ room }: { room: Room }) {
  const q = room.quiz;
  const stars = q.stars.value.filter((s) => s.round === q.round.value?.round);
  if (!stars.length) return null;
  const items = q.round.value!.items;
  return (
    <div class="stars">
      <h3>{t("quiz.stars")}</h3>
      <ul>
        {stars.map((s) => {
          const item = items.find((i) => i.id === s.item);
          const name = (id: string, list = item?.options) => list?.find((o) => o.id === id)?.text || (id === "t" ? t("quiz.true") : id === "f" ? t("quiz.false") : id);
          const r = s.response;
          const text = r.text ?? [...(r.options ?? r.order ?? []).map((o) => name(o)), ...Object.entries(r.pairs ?? {}).map(([a, b]) => `${name(a)} – ${name(b, item?.choices)}`)].join(" · ");
          return <li key={s.n}><q><bdi>{text}</bdi></q></li>;
        })}
      </ul>
    </div>
  );
}

export function Ranking({ room }: { room: Room }) {
  const list = room.quiz.ranked.value ?? [];
  return (
    <section class="round card ranking" aria-labelledby="ranking-title">
      <h2 id="ranking-title">{t("quiz.ranking")}</h2>
      {list.length === 0 ? <p class="empty">{t("quiz.rankingEmpty")}</p> : (
        <ol>{list.map((r, i) => <li key={r.user}><span class="order-place">{i + 1}</span><bdi>{room.name(r.user)}</bdi><b>{t("quiz.points", { n: r.score })}</b></li>)}</ol>
      )}
    </section>
  );
}
