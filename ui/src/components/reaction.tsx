// Reaction draws one reaction. The drawings come after the page.
import type { IconNode } from "lucide";
import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import { Icon } from "./icon";

const drawings = signal<{ [emoji: string]: IconNode }>({});
let asked = false;

async function loadDrawings() {
  if (asked) return;
  asked = true;
  try {
    drawings.value = (await import("./reactions")).reactions;
  } catch {
    asked = false;
  }
}

export function Reaction({ emoji }: { emoji: string }) {
  useEffect(() => void loadDrawings(), []);
  return <Icon icon={drawings.value[emoji] ?? []} />;
}
