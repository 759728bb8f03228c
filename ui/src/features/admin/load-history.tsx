// The last hour in four small plots, and in words for who cannot see them.
import { useEffect, useRef } from "preact/hooks";
import type UPlot from "uplot";
import { adminAPI, type History } from "../../api/admin";
import { clock, formatNumber, t } from "../../locales/i18n";
import { EmptyNote, ErrorNote, Loading, PartMissing } from "../../components/feedback";
import { useLoad } from "../../components/hooks";
import css from "./load-history.module.css";
import "uplot/dist/uPlot.min.css";

const series = ["chat_p99_ms", "load", "memory_mb", "sockets"] as const;

export function LoadHistory({ turn }: { turn: number }) {
  const [got, fault, again] = useLoad(adminAPI.history, [turn]);
  return (
    <section class="card stack" aria-labelledby="plots-title">
      <h2 id="plots-title">{t("plots.title")}</h2>
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!got && !fault && <Loading />}
      {got && got.at.length < 2 && <EmptyNote>{t("plots.empty")}</EmptyNote>}
      {got && got.at.length >= 2 && <Drawn h={got} />}
    </section>
  );
}

// Drawn has the words at once and the lines when what draws them is loaded.
function Drawn({ h }: { h: History }) {
  const [lib, lost] = useLoad(() => import("uplot"));
  return (
    <>
      {lost && <PartMissing />}
      <div class={css.plots} data-part="plots">
        {series.map((s) => (
          <Plot key={s} name={s} h={h} draw={lib?.default} />
        ))}
      </div>
    </>
  );
}

function Plot({ name, h, draw: Draw }: { name: (typeof series)[number]; h: History; draw?: typeof UPlot }) {
  const place = useRef<HTMLDivElement>(null);
  const scale = name === "load" ? 100 : 1;
  const values = h[name].map((v) => (v === null ? null : v * scale));
  const known = values.filter((v) => v !== null);
  const now = known.at(-1);
  const most = Math.max(0, ...known);
  const round = (v: number) => Math.round(v * 10) / 10;
  useEffect(() => {
    if (!Draw || !place.current) return;
    const style = getComputedStyle(document.documentElement);
    const text = style.getPropertyValue("--muted").trim();
    const line = style.getPropertyValue("--line").trim();
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
    const plot = new Draw(
      {
        width: place.current.clientWidth,
        height: 140,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_u, _min, max) => [0, Math.max(max * 1.1, name === "load" ? 10 : 1)] } },
        axes: [
          { ...axis, values: (_u, at) => at.map((s) => clock(s * 1000)) },
          { ...axis, size: 44, values: (_u, at) => at.map(formatNumber) },
        ],
        series: [{}, { stroke: style.getPropertyValue("--accent").trim(), width: 2, spanGaps: false }],
      },
      [h.at.map((ms) => ms / 1000), values],
      place.current,
    );
    return () => plot.destroy();
  }, [h, Draw]);
  return (
    <figure class={css.plot}>
      <figcaption>
        <strong>{t(`plots.${name}`)}</strong>{" "}
        <span>{now === undefined ? t("plots.unknown") : t("plots.now", { now: round(now), most: round(most) })}</span>
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}
