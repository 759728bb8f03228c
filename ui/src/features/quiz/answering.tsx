// What all ways to answer have in common.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Button } from "../../components/button";
import type { ItemPlace } from "../../contract";
import { t } from "../../locales/i18n";
import type { Item, Response, Revealed } from "../../state/quiz";
import css from "./answering.module.css";

export interface Answering {
  item: Item;
  mine?: Response;
  refused: string; // why my last answer was not accepted
  shut: boolean;
  revealed?: Revealed;
  counts?: { [option: string]: number };
  all: number; // who answered
  pins?: ItemPlace[]; // all of them, after the reveal
  send: (r: Response) => void;
}

// useDraft keeps what is not sent yet. It starts again when the box has another answer, except while
// the pupil corrects one that was refused.
export function useDraft<T>(from: T, mend = false): [T, (v: T) => void, boolean] {
  const told = JSON.stringify(from);
  const [held, hold] = useState({ told, draft: from });
  if (held.told !== told) Object.assign(held, { told, draft: mend ? held.draft : from });
  return [held.draft, (draft) => hold({ told, draft }), JSON.stringify(held.draft) !== told];
}

export const AnswerForm = ({ onSend, children }: { onSend: () => unknown; children: ComponentChildren }) => (
  <form
    class={css.form}
    onSubmit={(e) => {
      e.preventDefault();
      onSend();
    }}
  >
    {children}
  </form>
);

// Hint says what to do.
export const Hint = ({ id, live, children }: { id?: string; live?: boolean; children: ComponentChildren }) => (
  <p class={css.hint} id={id} role={live ? "status" : undefined}>
    {children}
  </p>
);

export function SendAnswer({
  shut,
  ready = true,
  changed,
  sent,
}: {
  shut: boolean;
  ready?: boolean;
  changed: boolean;
  sent: boolean;
}) {
  if (shut) return null;
  return (
    <div class={css.send}>
      <Button kind="primary" big type="submit" disabled={!ready || (sent && !changed)}>
        {t(sent ? "quiz.change" : "quiz.send")}
      </Button>
    </div>
  );
}
