// The teacher's desk for questions: the round at hand, one button that goes on, and what
// can be asked.
import { useState } from "preact/hooks";
import { call, type Fault } from "../core/api";
import { t } from "../core/i18n";
import { Empty, Failed, Icon, tellFault, useLoad } from "../core/kit";
import type { Item } from "../core/quiz";
import type { Room } from "../core/room";
import { Ask } from "./ask";
import { Panel } from "./hands";
import { optionsOf, Shape } from "./question";
import { Timer } from "./round";
import "./launcher.css";

interface Listed {
  id: string;
  title: string;
  count: number;
}

export function Launcher({ room }: { room: Room }) {
  const q = room.quiz;
  const [ask, setAsk] = useState(false);
  return (
    <Panel id="quiz" room={room} title={q.title.value || t("stage.quiz")} tools={<button type="button" onClick={() => setAsk(true)}>{t("stage.ask")}</button>}>
      {q.round.value && q.round.value.state !== "closed" ? <Now room={room} /> : q.loaded.value.items.length > 0 ? <Coming room={room} /> : <Choose room={room} />}
      {q.loaded.value.items.length > 0 && <Go room={room} />}
      {q.loaded.value.items.length > 0 && <More room={room} />}
      {ask && <Ask room={room} close={() => setAsk(false)} />}
    </Panel>
  );
}

// Go is the one advancing button; the phone's remote has it too.
export function Go({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value;
  const state = q.state.value;
  const left = q.loaded.value.items.filter((i) => !q.asked.value.includes(i.id)).length;
  const slide = !!r && r.items.every((i) => i.kind === "slide");
  const over = left === 0 && (state === "ready" || state === "revealed" || (state === "open" && slide));
  const label = state === "ready" ? (left === 0 ? "stage.over" : q.paced.value === "pupil" ? "stage.openAll" : "stage.open")
    : state === "open" && !slide ? "stage.close" : state === "locked" ? "stage.reveal" : left === 0 ? "stage.finish" : "stage.next";
  const waiting = room.outbox.value.some((e) => e.event === "quiz.next");
  return (
    <button type="button" class="primary big go" disabled={waiting || (over && state === "ready")} onClick={() => q.next()}>
      {t(label)}
    </button>
  );
}

// Now is the round at hand with live counts.
function Now({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value!;
  const here = Math.max(room.pupilsHere.value, 1);
  return (
    <div class="stack">
      <p class="row between">
        <strong>{r.items.length > 1 ? t("stage.all", { n: r.items.length }) : r.index >= 0 ? t("quiz.of", { i: r.index + 1, of: q.of.value }) : t("quiz.one")} · {t(`stage.state.${r.paused ? "paused" : r.state}`)}</strong>
        {q.end.value !== null && <Timer room={room} end={q.end.value} />}
      </p>
      {r.items.map((item) => (
        <div key={item.id} class="asked">
          <p class="question-text"><bdi>{item.text}</bdi></p>
          {item.kind !== "slide" && <p class="muted">{t("stage.answered", { n: q.answered.value[item.id] ?? 0, of: here })}</p>}
          <Bars room={room} item={item} />
        </div>
      ))}
      {r.state === "open" && (
        <div class="row">
          <button type="button" onClick={() => room.send("quiz.pause", { round: r.round, on: !r.paused })}>{t(r.paused ? "stage.resume" : "stage.pause")}</button>
        </div>
      )}
    </div>
  );
}

// Bars are the live counts of an item with options, the right ones marked.
export function Bars({ room, item }: { room: Room; item: Item }) {
  const q = room.quiz;
  if (!item.options?.length || item.kind === "order" || item.kind === "match") return null;
  const answers = Object.values(q.answers.value[item.id] ?? {});
  const key = q.loaded.value.items.find((i) => i.id === item.id)?.key;
  return (
    <ul class="bars">
      {optionsOf(item).map((o, n) => {
        const count = answers.filter((a) => a.response.options?.includes(o.id)).length;
        const right = (key?.weights?.[o.id] ?? 0) > 0;
        return (
          <li key={o.id}>
            <Shape n={n} /><span class="bar-text"><bdi>{o.text}</bdi></span>
            <progress max={Math.max(answers.length, 1)} value={count} aria-hidden="true" />
            <span class="bar-count">{count}</span>
            <span class="bar-right">{right && <><Icon name="yes" /><span class="visually-hidden">{t("quiz.right")}</span></>}</span>
          </li>
        );
      })}
    </ul>
  );
}

// Coming is what the button will ask.
function Coming({ room }: { room: Room }) {
  const q = room.quiz;
  const next = q.loaded.value.items.find((i) => !q.asked.value.includes(i.id));
  if (!next) return <Empty>{t("stage.allAsked")}</Empty>;
  if (q.paced.value === "pupil") return <p>{t("stage.pupilPaced", { n: q.loaded.value.items.length })}</p>;
  return <p class="muted">{t("stage.coming")} <bdi>{next.text}</bdi></p>;
}

// More is what is needed now and then: another question, the pace, the leaderboard.
function More({ room }: { room: Room }) {
  const q = room.quiz;
  const open = q.state.value === "open";
  return (
    <details class="launcher-more">
      <summary>{t("stage.more")}</summary>
      <div class="stack">
        <div class="row">
          <label class="check"><input type="checkbox" checked={q.paced.value === "pupil"} disabled={open} onChange={(e) => room.send("quiz.pace", { paced: e.currentTarget.checked ? "pupil" : "teacher" })} />{t("stage.paceOwn")}</label>
          <label class="check"><input type="checkbox" checked={!!q.ranked.value} onChange={(e) => room.send("quiz.rank", { on: e.currentTarget.checked })} />{t("stage.rank")}</label>
        </div>
        <ol class="questions">
          {q.loaded.value.items.map((i, n) => (
            <li key={i.id}>
              <span>{n + 1}. <bdi>{i.text.slice(0, 80)}</bdi></span>
              <button type="button" disabled={open} aria-label={t("stage.openOne", { n: n + 1 })} onClick={() => room.send("quiz.open", { items: [i.id] })}>{t(q.asked.value.includes(i.id) ? "stage.again" : "stage.openIt")}</button>
            </li>
          ))}
        </ol>
        <Choose room={room} />
      </div>
    </details>
  );
}

// Choose loads one of the quizzes on the box.
function Choose({ room }: { room: Room }) {
  const [list, fault, again] = useLoad(() => call<Listed[]>("GET", "/api/quizzes"));
  if (fault) return <Failed fault={fault} retry={again} />;
  if (!list) return null;
  if (!list.length) return <Empty>{t("stage.noQuiz")}</Empty>;
  const load = (id: string) =>
    call("POST", `/api/lessons/${encodeURIComponent(room.lesson.value.id)}/quiz`, { quiz: id }).catch((f: Fault) => tellFault(f));
  return (
    <div class="stack">
      <h3>{t("stage.choose")}</h3>
      <ul class="questions">
        {list.map((l) => (
          <li key={l.id}><span><bdi>{l.title}</bdi> <small>{t("stage.count", { n: l.count })}</small></span>
            <button type="button" aria-label={t("stage.loadOne", { title: l.title })} disabled={room.quiz.state.value === "open"} onClick={() => void load(l.id)}>{t("stage.load")}</button></li>
        ))}
      </ul>
    </div>
  );
}

