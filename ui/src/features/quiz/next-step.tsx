// The one button that goes on, and what it does now.
import { t } from "../../locales/i18n";
import { Button, type ButtonKind } from "../../components/button";
import type { Room } from "../../state/room";

export interface Step {
  label: string;
  press: (() => void) | null; // null: there is nothing to do, or the box has not answered yet
}

// nextStep goes from "open" to "open" in two presses: the answer closes the question and is shown,
// then the next question opens. Of an open question, which has no right answer, the answers of the
// class are shown, without names. A drawing has no answer to show: its question closes. Work at one's
// own pace is closed first, because nobody sees all of it at once.
export function nextStep(room: Room): Step {
  const q = room.quiz;
  const r = q.round.value;
  const state = q.state.value;
  const left = q.loaded.value.items.filter((i) => !q.asked.value.includes(i.id)).length;
  const waiting = room.outbox.value.some((e) => ["quiz.next", "quiz.reveal", "quiz.lock"].includes(e.event));
  const step = (label: string, press: () => void): Step => ({ label: t(label), press: waiting ? null : press });
  const next = () => q.next();
  if (!r || state === "ready") {
    if (left === 0) return { label: t("stage.over"), press: null };
    return step(q.paced.value === "pupil" ? "stage.openAll" : "stage.open", next);
  }
  const slide = r.items.every((i) => i.kind === "slide");
  const item = r.items[0]!;
  const worded = r.items.length === 1 && item.kind === "text" && item.points === 0 && q.answered.value[item.id];
  if (state === "open" && !slide && r.items.length > 1) return step("stage.close", next);
  const drawn = r.items.length === 1 && item.kind === "draw";
  const reveal = () => room.send("quiz.reveal", { round: r.round });
  if (drawn && state === "open") return step("stage.close", reveal);
  if (drawn && state === "locked")
    return step(left === 0 ? "stage.finish" : "stage.next", () => {
      reveal();
      room.send("quiz.next", { round: r.round, state: "revealed" });
    });
  if ((state === "open" && !slide) || state === "locked")
    return step(worded ? "stage.wall.show" : "stage.reveal", () => {
      if (worded) room.send("quiz.wall", { round: r.round, item: item.id, as: q.wall.value?.as || "wall" });
      reveal();
    });
  return step(left === 0 ? "stage.finish" : "stage.next", next);
}

export function NextStepButton({ room, kind = "primary" }: { room: Room; kind?: ButtonKind }) {
  const step = nextStep(room);
  return (
    <Button kind={kind} big data-go disabled={!step.press} onClick={() => step.press?.()}>
      {step.label}
    </Button>
  );
}
