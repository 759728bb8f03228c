// The password of the school's Wi-Fi belongs to its settings.
import type { SchoolWifi } from "../../api/admin";

const mask = "********"; // what the box shows of a password that it has

// withoutOldPassword is the settings after a change. A password stays with its Wi-Fi and its way of
// signing in, and the box uses one that it does not show with exactly the settings that it has.
export function withoutOldPassword(before: SchoolWifi, after: SchoolWifi): SchoolWifi {
  const changed = (...keys: (keyof SchoolWifi)[]) => keys.some((k) => (before[k] ?? "") !== (after[k] ?? ""));
  const security = (before.security || "psk") !== (after.security || "psk");
  const old = after.password === before.password;
  const away = changed("ssid") || security || (after.password === mask && changed("identity", "ca", "server"));
  return old && away ? { ...after, password: "" } : after;
}
