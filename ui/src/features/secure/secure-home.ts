import type { BoxState } from "../../api/box";

// secureHome is this page over https, where a browser allows a camera and staff may sign in. It is empty
// where the box has no https. A name that browsers trust comes first.
export function secureHome(state: BoxState, path = location.pathname + location.hash): string {
  if (state.home) return state.home + path;
  const a = state.https[0];
  if (!a) return "";
  const url = new URL(a);
  return `https://${location.hostname}${url.port ? `:${url.port}` : ""}${path}`;
}
