import { afterEach, describe, expect, it, vi } from "vitest";
import { clock, formatDay, formatShare, lang } from "./i18n";

afterEach(() => {
  lang.value = "en";
  vi.unstubAllGlobals();
});

// at is in the time zone of this machine, as the pages write times.
const at = (hour: number, minute: number) => new Date(2026, 10, 30, hour, minute).getTime();
const plain = (text: string) => text.replace(/[\u2009\u202f\u00a0]/g, " ").replace(/[\u200e\u200f\u061c]/g, "");

describe("times, shares and days", () => {
  for (const [browser, morning, afternoon, share] of [
    ["en-US", "9:05 AM", "1:05 PM", "52%"],
    ["en-GB", "09:05", "13:05", "52%"],
    ["fr", "09:05", "13:05", "52 %"],
    ["es", "9:05", "13:05", "52 %"],
    ["ar", "9:05 ص", "1:05 م", "52%"],
  ] as const)
    it(`are written as in ${browser}`, () => {
      vi.stubGlobal("navigator", { languages: [browser] });
      lang.value = browser.slice(0, 2);
      expect([clock(at(9, 5)), clock(at(13, 5)), formatShare(0.52)].map(plain)).toEqual([morning, afternoon, share]);
    });
  it("a lesson has its day once, with its time from and to", () => {
    lang.value = "fr";
    expect(plain(formatDay(at(13, 5), at(13, 50)))).toBe("lun. 30 nov., 13:05 – 13:50");
  });
});
