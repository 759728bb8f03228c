// The mark: a speech tile with a spark. static/favicon.svg is the same drawing.
import type { IconNode } from "lucide";

export const mark: IconNode = [
  ["rect", { x: 0, y: 0, width: 24, height: 24, rx: 5.5, fill: "#3a2fa0", stroke: "none" }],
  [
    "path",
    {
      d: "M7.5 4.5h9a3 3 0 0 1 3 3v6.2a3 3 0 0 1-3 3h-4.8l-3.5 3.1a.6.6 0 0 1-1-.45V16.7a3 3 0 0 1-2.7-3V7.5a3 3 0 0 1 3-3z",
      fill: "#fffefb",
      stroke: "none",
    },
  ],
  [
    "path",
    {
      d: "M12 6.2c.45 2.85 1.55 3.95 4.4 4.4-2.85.45-3.95 1.55-4.4 4.4-.45-2.85-1.55-3.95-4.4-4.4 2.85-.45 3.95-1.55 4.4-4.4z",
      fill: "#e8930c",
      stroke: "none",
    },
  ],
];
