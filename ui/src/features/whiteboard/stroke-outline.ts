// The outline of a stroke as a filled path, by perfect-freehand.
import { getStroke } from "perfect-freehand";

export function strokeOutline(points: [number, number, number][], size: number, pressure: boolean): string {
  const edge = getStroke(points, {
    size,
    thinning: pressure ? 0.5 : 0,
    smoothing: 0.5,
    streamline: 0.3,
    simulatePressure: false,
  });
  if (!edge.length) return "";
  const n = (v: number) => Math.round(v);
  return `M${edge.map(([x, y]) => `${n(x!)} ${n(y!)}`).join("L")}Z`;
}
