import type { State } from "../core/api";
import { Title } from "../core/kit";

export function Home(_: { state: State; arg: string }) {
  return <main id="main"><Title>Home</Title></main>;
}
