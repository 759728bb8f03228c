export const systems = ["ios", "android", "windows", "chromeos", "macos", "firefox"] as const;
export type System = (typeof systems)[number];

// systemOf names the steps that the device needs. An iPad says that it is a Mac, but has a touch screen.
// Firefox on a computer keeps certificates of its own. Chrome on Linux has the steps of ChromeOS.
export function systemOf(agent: string, touchPoints: number): System {
  if (/iPhone|iPad/.test(agent) || (/Macintosh/.test(agent) && touchPoints > 1)) return "ios";
  if (/Android/.test(agent)) return "android";
  if (/Firefox/.test(agent)) return "firefox";
  if (/Windows/.test(agent)) return "windows";
  return /Macintosh/.test(agent) ? "macos" : "chromeos";
}
