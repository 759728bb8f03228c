// The keys of the player, and the sheet that lists them.
import { useEffect, useRef } from "preact/hooks";
import { Sheet } from "../../components/dialog";
import { t } from "../../locales/i18n";
import css from "./keys.module.css";

export type Action =
  | "play"
  | "back"
  | "on"
  | "before"
  | "after"
  | "slower"
  | "faster"
  | "mute"
  | "full"
  | "help"
  | "start"
  | "end";

const table: [Action, string[]][] = [
  ["play", ["space", "K"]],
  ["back", ["←", "J"]],
  ["on", ["→", "L"]],
  ["before", ["P"]],
  ["after", ["N"]],
  ["slower", ["<"]],
  ["faster", [">"]],
  ["mute", ["M"]],
  ["full", ["F"]],
  ["start", ["Home"]],
  ["end", ["End"]],
  ["help", ["?"]],
];

// actionOf: left and right follow the direction of reading, as the seek bar does.
function actionOf(e: KeyboardEvent): Action | null {
  const rtl = document.documentElement.dir === "rtl";
  switch (e.key) {
    case " ":
      return "play";
    case "ArrowRight":
      return rtl ? "back" : "on";
    case "ArrowLeft":
      return rtl ? "on" : "back";
    case "Home":
      return "start";
    case "End":
      return "end";
    case "<":
      return "slower";
    case ">":
      return "faster";
    case "?":
    case "؟":
      return "help";
  }
  // The letter's place: a keyboard with Arabic letters has the same keys.
  const at: { [code: string]: Action } = {
    KeyK: "play",
    KeyJ: "back",
    KeyL: "on",
    KeyP: "before",
    KeyN: "after",
    KeyM: "mute",
    KeyF: "full",
  };
  return e.shiftKey ? null : (at[e.code] ?? null);
}

// keeps: what has the focus needs the key itself.
function keeps(target: Element, e: KeyboardEvent): boolean {
  if (target.closest("select, textarea, [role=menu]")) return true;
  if (target.closest("[role=tablist]") && /^(Arrow|Home|End)/.test(e.key)) return true;
  return e.key === " " && !!target.closest("button, a, summary");
}

export function usePlayerKeys(act: (a: Action) => void) {
  const now = useRef(act);
  now.current = act;
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.ctrlKey || e.altKey || e.metaKey) return;
      if (document.querySelector("dialog[open]") || keeps(e.target as Element, e)) return;
      const action = actionOf(e);
      if (!action || (e.repeat && action !== "back" && action !== "on")) return;
      e.preventDefault();
      now.current(action);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

export const KeyHelp = ({ onClose }: { onClose: () => void }) => (
  <Sheet title={t("capsule.keys")} onClose={onClose}>
    <dl class={css.keys}>
      {table.map(([action, keys]) => (
        <div key={action}>
          <dt>
            {keys.map((k) => (
              <kbd key={k}>{k === "space" ? t("capsule.key.space") : k}</kbd>
            ))}
          </dt>
          <dd>{t(`capsule.key.${action}`)}</dd>
        </div>
      ))}
    </dl>
  </Sheet>
);
