import type { State } from "../core/api";
import { Title } from "../core/kit";

export function Claim(_: { state: State; arg: string }) {
  return <main id="main"><Title>Claim</Title></main>;
}
