// What the box is and who we are.
import { signal } from "@preact/signals";
import { api, type Fault, type State } from "./api";

export const state = signal<State | null>(null);
export const fault = signal<Fault | null>(null);

// reload asks again, after signing in or out.
export async function reload() {
  try {
    state.value = await api.state();
    fault.value = null;
  } catch (e) {
    fault.value = e as Fault;
  }
}
