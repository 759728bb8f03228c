import type { State } from "../core/api";
import { Title } from "../core/kit";

export function Admin(_: { state: State; arg: string }) {
  return <main id="main"><Title>Admin</Title></main>;
}
