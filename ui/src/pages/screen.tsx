import type { State } from "../core/api";
import { Title } from "../core/kit";

export function Screen(_: { state: State; arg: string }) {
  return <main id="main"><Title>Screen</Title></main>;
}
