// The ticket of a device that waits in the lobby of a lesson. It outlives a reload of the page.
import { effect, signal } from "@preact/signals";

const place = "ll:ticket";

function saved(): string {
  try {
    return localStorage.getItem(place) ?? "";
  } catch {
    return ""; // storage is off
  }
}

export const ticket = signal(saved());

effect(() => {
  const now = ticket.value;
  try {
    if (now) localStorage.setItem(place, now);
    else localStorage.removeItem(place);
  } catch {
    // storage is off: the ticket lives as long as the page
  }
});
