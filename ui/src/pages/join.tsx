import type { State } from "../core/api";
import { Title } from "../core/kit";

export function Join(_: { state: State; arg: string }) {
  return <main id="main"><Title>Join</Title></main>;
}
