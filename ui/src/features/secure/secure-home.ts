import type { BoxState } from "../../api/box";

// secureHome is this page over https, where a browser allows a camera and staff may sign in. It is empty
// where the box has no https.
export function secureHome(state: BoxState, path = location.pathname): string {
  const a = state.https[0];
  if (!a) return "";
  const url = new URL(a);
  return `https://${location.hostname}${url.port ? `:${url.port}` : ""}${path}`;
}
