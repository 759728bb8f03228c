import { expect, it } from "vitest";
import type { SchoolWifi } from "../../api/admin";
import { withoutOldPassword } from "./school-password";

const had: SchoolWifi = { ssid: "School", security: "peap", identity: "box", password: "********" };

it("a password does not go to another Wi-Fi", () => {
  const changes: [Partial<SchoolWifi>, string][] = [
    [{}, "********"],
    [{ ssid: "Mine" }, ""],
    [{ security: "psk" }, ""],
    [{ identity: "me" }, ""],
    [{ ca: "x" }, ""],
    [{ server: "x" }, ""],
    [{ password: "typed" }, "typed"],
  ];
  for (const [part, want] of changes) expect(withoutOldPassword(had, { ...had, ...part }).password).toBe(want);
});

it("a typed password stays while its name is typed", () => {
  const typed = { ...had, password: "typed" };
  expect(withoutOldPassword(typed, { ...typed, identity: "me" }).password).toBe("typed");
  expect(withoutOldPassword({ ssid: "School" }, { ssid: "School", security: "psk" }).password).toBeUndefined();
});
