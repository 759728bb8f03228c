// The ways to answer that few questions have. They are loaded after the page.
import { AnswerDraw } from "./answer-draw";
import { AnswerGaps } from "./answer-gaps";
import { AnswerMatch } from "./answer-match";
import { AnswerOrder } from "./answer-order";
import { AnswerPin } from "./answer-pin";
import type { Answering } from "./answering";

const ways: { [kind: string]: (a: Answering) => preact.JSX.Element | null } = {
  draw: AnswerDraw,
  gaps: AnswerGaps,
  match: AnswerMatch,
  order: AnswerOrder,
  pin: AnswerPin,
};

export function AnswerMore(a: Answering) {
  const Way = ways[a.item.kind];
  return Way ? <Way {...a} /> : null;
}
