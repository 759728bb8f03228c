// The kinds of questions in the editor. An open question is a short text without accepted answers.
import {
  ArrowLeftRight,
  ChartColumn,
  CircleDot,
  FileText,
  Hash,
  ListOrdered,
  MapPin,
  MessageSquareText,
  Pencil,
  SquareCheck,
  TextCursorInput,
  TextQuote,
  ToggleLeft,
  type IconNode,
} from "lucide";
import type { Authored, Kind } from "../../state/quiz";

export type EditorKind = Kind | "open";

export const kindIcons: { [kind in EditorKind]: IconNode } = {
  single: CircleDot,
  multi: SquareCheck,
  truefalse: ToggleLeft,
  text: TextCursorInput,
  numeric: Hash,
  open: MessageSquareText,
  order: ListOrdered,
  match: ArrowLeftRight,
  gaps: TextQuote,
  poll: ChartColumn,
  pin: MapPin,
  draw: Pencil,
  slide: FileText,
};

export const kinds = Object.keys(kindIcons) as EditorKind[];

export const kindOf = (item: Authored): EditorKind =>
  item.kind === "text" && !item.key.texts?.length ? "open" : item.kind;

// isMarked reports whether answers are right or wrong, so that they have points.
export const isMarked = (item: Authored) =>
  !["poll", "slide", "draw"].includes(item.kind) &&
  kindOf(item) !== "open" &&
  (item.kind !== "pin" || !!item.key.regions?.length);

export const optionIDs = "abcdefghijklmnopqrstuvwxyz";

const blankOptions = (n: number) => Array.from({ length: n }, (_, i) => ({ id: optionIDs[i]!, text: "" }));

// makeQuestion returns a new question. The box gives it its id.
export function makeQuestion(kind: EditorKind): Authored {
  const points = ["poll", "slide", "draw", "open"].includes(kind) ? 0 : 1;
  const base = { id: "", kind: kind === "open" ? ("text" as const) : kind, text: "", points };
  switch (kind) {
    case "single":
    case "multi":
      return { ...base, options: blankOptions(4), key: { weights: {} } };
    case "poll":
      return { ...base, options: blankOptions(2), key: {} };
    case "truefalse":
      return {
        ...base,
        options: [
          { id: "t", text: "" },
          { id: "f", text: "" },
        ],
        key: { weights: { t: 1 } },
      };
    case "text":
      return { ...base, key: { texts: [{ text: "", weight: 1 }] } };
    case "numeric":
      return { ...base, key: { numbers: [] } };
    case "gaps":
      return { ...base, gaps: [], key: { gaps: {} } };
    case "order":
      return { ...base, options: blankOptions(3), key: { order: ["a", "b", "c"] } };
    case "match":
      return {
        ...base,
        options: blankOptions(3),
        choices: blankOptions(3),
        key: { pairs: { a: "a", b: "b", c: "c" } },
      };
  }
  return { ...base, key: {} };
}

// copyQuestion returns a question with the same content. The box gives it its own id.
export const copyQuestion = (item: Authored): Authored => ({ ...JSON.parse(JSON.stringify(item)), id: "" });
