// The reactions as drawings, so that a tablet without an emoji font shows them. The keys are the
// values of tap.react.
import type { IconNode } from "lucide";

const skin = "#ffcb4c";
const ink = "#5b3710";
const fill = (colour: string) => ({ fill: colour, stroke: "none" });
const line = (width = 1.5) => ({ fill: "none", stroke: ink, "stroke-width": width });
const face: IconNode = [["circle", { cx: 12, cy: 12, r: 10.5, ...fill(skin) }]];

export const reactions: { [emoji: string]: IconNode } = {
  "👍": [
    ["path", { d: "M2.5 11h3.7v10.5H2.5a1 1 0 0 1-1-1V12a1 1 0 0 1 1-1z", ...fill("#4a6fd8") }],
    [
      "path",
      {
        d: "M7.5 11.2l3.6-8.7c2 0 3.3 1.4 3 3.3l-.6 3.4h5.7c1.5 0 2.6 1.4 2.2 2.9l-1.8 7.2a2.9 2.9 0 0 1-2.8 2.2H7.5z",
        ...fill(skin),
      },
    ],
    ["path", { d: "M16.5 13h4.6M16 16.8h4.2", ...line(1.2) }],
  ],
  "❤️": [
    [
      "path",
      {
        d: "M12 21.5C4.8 16 1.5 12.4 1.5 8.3 1.5 5 4 2.8 6.9 2.8c2.1 0 4 1.2 5.1 3.2 1.1-2 3-3.2 5.1-3.2 2.9 0 5.4 2.2 5.4 5.5 0 4.1-3.3 7.7-10.5 13.2z",
        ...fill("#e2364f"),
      },
    ],
    ["path", { d: "M5 8.5c0-1.3.8-2.3 2-2.5", fill: "none", stroke: "#ffb3bd", "stroke-width": 1.8 }],
  ],
  "😂": [
    ...face,
    ["path", { d: "M5.5 9.5c.8-1.5 3-1.5 3.8 0M14.7 9.5c.8-1.5 3-1.5 3.8 0", ...line() }],
    ["path", { d: "M6.2 13h11.6c0 3.7-2.5 6-5.8 6s-5.8-2.3-5.8-6z", ...fill(ink) }],
    ["path", { d: "M8.6 17.6a4.8 4.8 0 0 1 6.8 0A5.8 5.8 0 0 1 12 19c-1.3 0-2.5-.5-3.4-1.4z", ...fill("#ef6a6a") }],
    [
      "path",
      {
        d: "M4 11.5c1.8 1.8 2 3.7.5 4.5s-3-.2-2.6-1.9zM20 11.5c-1.8 1.8-2 3.7-.5 4.5s3-.2 2.6-1.9z",
        ...fill("#3f9be6"),
      },
    ],
  ],
  "👏": [
    ["rect", { x: 4.5, y: 8.5, width: 9, height: 12, rx: 4.5, transform: "rotate(-28 9 14.5)", ...fill("#f0b432") }],
    ["rect", { x: 10, y: 7.5, width: 9.5, height: 13, rx: 4.7, transform: "rotate(16 14.7 14)", ...fill(skin) }],
    ["path", { d: "M14.9 8.5l-1.3 5M18.2 9.6l-1.3 4.9", ...line(1.2) }],
    [
      "path",
      {
        d: "M4 3.5l1.5 2.3M9.5 1.5v2.8M15.5 2l-1.2 2.3M20.8 4.5l-2 1.7",
        fill: "none",
        stroke: "#e2364f",
        "stroke-width": 1.7,
      },
    ],
  ],
  "🎉": [
    ["path", { d: "M8 8.5l7.5 7.5-12 5.3c-.6.3-1.1-.2-.8-.8z", ...fill("#7a5be0") }],
    ["path", { d: "M6 13l5 5M4.6 16.4l2.8 2.8", fill: "none", stroke: "#ffd978", "stroke-width": 1.6 }],
    ["ellipse", { cx: 11.8, cy: 12.2, rx: 2.2, ry: 5.3, transform: "rotate(-45 11.8 12.2)", ...fill("#4b33a8") }],
    [
      "path",
      {
        d: "M13 8.5c1.5-1.5 1.5-3.5.5-5.5M15.5 11c1.5-1.5 3.7-1.6 6-.6M14.5 9.5l4-4",
        fill: "none",
        stroke: "#e2364f",
        "stroke-width": 1.7,
      },
    ],
    ["circle", { cx: 8.5, cy: 4, r: 1.4, ...fill("#f0a020") }],
    ["circle", { cx: 19.5, cy: 15.5, r: 1.4, ...fill("#1c9c86") }],
    ["circle", { cx: 20.5, cy: 4, r: 1.5, ...fill("#3f9be6") }],
  ],
  "😮": [
    ...face,
    ["path", { d: "M5.8 6.9c.8-.9 2-1.3 3.2-1M18.2 6.9c-.8-.9-2-1.3-3.2-1", ...line() }],
    ["ellipse", { cx: 8.2, cy: 10.5, rx: 1.3, ry: 1.7, ...fill(ink) }],
    ["ellipse", { cx: 15.8, cy: 10.5, rx: 1.3, ry: 1.7, ...fill(ink) }],
    ["ellipse", { cx: 12, cy: 16.5, rx: 2.6, ry: 3.2, ...fill(ink) }],
  ],
};
