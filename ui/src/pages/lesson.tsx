import type { State } from "../core/api";
import { Title } from "../core/kit";

export function Lesson(_: { state: State; arg: string }) {
  return <main id="main"><Title>Lesson</Title></main>;
}
