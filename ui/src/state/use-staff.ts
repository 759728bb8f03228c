import { useEffect } from "preact/hooks";
import type { BoxState } from "../api/box";
import { go } from "./router";

let afterLogin = "/teach";

// pageAfterLogin is where the sign-in page goes.
export function pageAfterLogin(): string {
  const to = afterLogin;
  afterLogin = "/teach";
  return to;
}

// useStaff sends everybody else to the sign-in page. A phone that scanned the code of the remote
// comes back to it.
export function useStaff(state: BoxState): boolean {
  const ok = state.me.role === "teacher";
  useEffect(() => {
    if (ok) return;
    if (location.pathname.startsWith("/remote/")) afterLogin = location.pathname;
    go("/login", true);
  }, [ok]);
  return ok;
}
