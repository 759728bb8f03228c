// The tools of the teacher's pen: what it draws, its colour and width, undo, redo and clear.
import { useState } from "preact/hooks";
import {
  ArrowUpRight,
  Circle,
  Eraser,
  Highlighter,
  type IconNode,
  Minus,
  Pen,
  Pointer,
  Redo2,
  Square,
  Undo2,
} from "lucide";
import { Dialog } from "../../components/dialog";
import { Icon } from "../../components/icon";
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import type { Stroke } from "../../state/whiteboard";
import css from "./ink-tools.module.css";

export type Tool = Stroke["tool"] | "laser";
export interface Ink {
  tool: Tool;
  color: number;
  size: number;
}

const tools: [Tool, IconNode][] = [
  ["pen", Pen],
  ["marker", Highlighter],
  ["line", Minus],
  ["arrow", ArrowUpRight],
  ["rect", Square],
  ["ellipse", Circle],
  ["laser", Pointer],
];
const colors = [0, 1, 2, 3, 4];
const sizes = [1, 3, 5, 8];

export function InkTools({ room, ink, onInk }: { room: Room; ink: Ink; onInk: (ink: Ink) => void }) {
  const [asked, ask] = useState(false);
  const surface = room.board.surface.value;
  const empty = !room.board.ink.value[surface]?.length;
  const actions: [string, IconNode, () => void, boolean][] = [
    ["board.undo", Undo2, () => room.send("board.undo", { surface }), false],
    ["board.redo", Redo2, () => room.send("board.redo", { surface }), false],
    ["board.clear", Eraser, () => ask(true), empty],
  ];
  return (
    <div class={css.tools} role="toolbar" aria-label={t("board.tools")}>
      <div class={css.group}>
        {tools.map(([tool, icon]) => (
          <Choice
            key={tool}
            name={t(`board.tool.${tool}`)}
            on={ink.tool === tool}
            onPress={() => onInk({ ...ink, tool })}
          >
            <Icon icon={icon} />
          </Choice>
        ))}
      </div>
      <div class={css.group}>
        {colors.map((color) => (
          <Choice
            key={color}
            name={t(`board.color.${color}`)}
            on={ink.color === color}
            onPress={() => onInk({ ...ink, color })}
          >
            <i class={css.color} style={{ background: `var(--ink${color})` }} />
          </Choice>
        ))}
      </div>
      <div class={css.group}>
        {sizes.map((size) => (
          <Choice
            key={size}
            name={`${t("board.size")}: ${t(`board.size.${size}`)}`}
            on={ink.size === size}
            onPress={() => onInk({ ...ink, size })}
          >
            <i class={css.size} style={{ inlineSize: `${size * 2 + 3}px`, blockSize: `${size * 2 + 3}px` }} />
          </Choice>
        ))}
      </div>
      <div class={css.group}>
        {actions.map(([key, icon, press, off]) => (
          <button
            key={key}
            type="button"
            class={css.tool}
            aria-label={t(key)}
            title={t(key)}
            disabled={off}
            onClick={press}
          >
            <Icon icon={icon} mirrored={icon !== Eraser} />
          </button>
        ))}
      </div>
      {asked && (
        <Dialog
          title={t("board.clearAsk")}
          confirm={t("board.clear")}
          danger
          onConfirm={() => {
            room.send("board.clear", { surface });
            ask(false);
          }}
          onClose={() => ask(false)}
        />
      )}
    </div>
  );
}

const Choice = ({
  name,
  on,
  onPress,
  children,
}: {
  name: string;
  on: boolean;
  onPress: () => void;
  children: preact.ComponentChildren;
}) => (
  <button type="button" class={css.tool} aria-pressed={on} aria-label={name} title={name} onClick={onPress}>
    {children}
  </button>
);
