// What the box is and who we are.
import { signal } from "@preact/signals";
import { api, type BoxState } from "../api/box";
import type { Fault } from "../api/http";

export const state = signal<BoxState | null>(null);
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
