import type { State } from "../core/api";
import { Title } from "../core/kit";

export function Login(_: { state: State; arg: string }) {
  return <main id="main"><Title>Login</Title></main>;
}
