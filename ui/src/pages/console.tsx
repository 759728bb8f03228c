import type { State } from "../core/api";
import { Title } from "../core/kit";

export function Console(_: { state: State; arg: string }) {
  return <main id="main"><Title>Console</Title></main>;
}
