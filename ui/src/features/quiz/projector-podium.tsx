// The podium and the leaderboard on the projector. Equals share a place and stand in the order of
// the alphabet. Points are whole.
import { useState } from "preact/hooks";
import { Trophy } from "lucide";
import { FitToScreen } from "../../components/fit-to-screen";
import { Icon } from "../../components/icon";
import { PageTitle } from "../../components/page-title";
import { lang, t } from "../../locales/i18n";
import type { Ranked } from "../../state/quiz";
import type { Room } from "../../state/room";
import { Grown } from "./projector-answers";
import css from "./projector-podium.module.css";

export interface Place {
  place: number;
  score: number;
  names: string[];
  shared: number; // how many have it, when nobody is named
}

// placesOf groups the list by points.
export function placesOf(list: Ranked[], nameOf: (user: string) => string, locale: string): Place[] {
  const out: Place[] = [];
  let before = 0;
  for (const r of list) {
    let last = out.at(-1);
    if (last?.score !== r.score) {
      last = { place: before + 1, score: r.score, names: [], shared: 0 };
      out.push(last);
    }
    if (r.shared) last.shared += r.shared;
    else last.names.push(nameOf(r.user));
    before += r.shared || 1;
  }
  for (const p of out) p.names.sort((a, b) => a.localeCompare(b, locale));
  return out;
}

const Names = ({ of }: { of: Place }) => (
  <span class={css.names}>
    {of.names.map((n, i) => (
      <bdi key={i}>{n}</bdi>
    ))}
    {of.shared > 0 && <span>{t("quiz.shared", { n: of.shared })}</span>}
  </span>
);

export function ProjectorRanking({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value;
  const places = placesOf(q.ranked.value ?? [], (user) => room.name(user), lang.value);
  const last = !!r && (r.items.length > 1 || (r.index >= 0 && r.index + 1 >= r.of));
  if (last && places.length > 0) return <Podium places={places} name={`${room.id}:${r.round}`} />;
  const most = Math.max(1, places[0]?.score ?? 0);
  return (
    <FitToScreen class={places.length === 0 ? css.podium : css.board}>
      <PageTitle>{t("quiz.ranking")}</PageTitle>
      {places.length === 0 ? (
        <p>{t("quiz.rankingEmpty")}</p>
      ) : (
        <ol>
          {places.map((p) => (
            <li key={p.place} data-place={p.place}>
              <b class={css.number}>{t("stage.number", { n: p.place })}</b>
              <Names of={p} />
              <b class={css.points}>{t("quiz.points", { n: p.score })}</b>
              <Grown share={p.score / most} />
            </li>
          ))}
        </ol>
      )}
    </FitToScreen>
  );
}

// celebrated are the podiums that had their confetti.
const celebrated = new Set<string>();

function Podium({ places, name }: { places: Place[]; name: string }) {
  const [fresh] = useState(() => !celebrated.has(name));
  celebrated.add(name);
  const [first, second, third] = places;
  const rest = places.slice(3);
  return (
    <>
      <FitToScreen class={css.podium}>
        <PageTitle>{t("stage.podium")}</PageTitle>
        <ol class={css.steps} data-steps={Math.min(3, places.length)}>
          {[first, second, third].map(
            (p, n) =>
              p && (
                <li key={p.place} class={css[`step${n}`]} data-place={p.place}>
                  <Names of={p} />
                  <div class={css.step}>
                    {n === 0 && <Icon icon={Trophy} />}
                    <b class={css.number}>{t("stage.number", { n: p.place })}</b>
                    <b class={css.points}>{t("quiz.points", { n: p.score })}</b>
                  </div>
                </li>
              ),
          )}
        </ol>
        {rest.length > 0 && (
          <ol class={css.rest}>
            {rest.map((p) => (
              <li key={p.place} data-place={p.place}>
                <b class={css.number}>{t("stage.number", { n: p.place })}</b>
                <Names of={p} />
                <b class={css.points}>{t("quiz.points", { n: p.score })}</b>
              </li>
            ))}
          </ol>
        )}
      </FitToScreen>
      {fresh && (
        <div class={css.confetti} aria-hidden="true" data-ornament>
          {Array.from({ length: 48 }, (_, n) => (
            <i
              key={n}
              class={`hue${n % 4}`}
              style={{
                insetInlineStart: `${(n * 37) % 100}%`,
                animationDelay: `${(n * 53) % 900}ms`,
                rotate: `${(n * 67) % 360}deg`,
              }}
            />
          ))}
        </div>
      )}
    </>
  );
}
