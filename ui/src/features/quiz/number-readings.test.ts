import { describe, expect, it } from "vitest";
import { findUnclear, readings } from "./number-readings";

describe("readings", () => {
  it("finds both numbers of a text that is ambiguous in the language of the page", () => {
    expect(readings("1,000", "en-GB")).toEqual(["1000", "1"]);
    expect(readings("1.000", "fr")).toEqual(["1000", "1"]);
    expect(readings("-12.345", "es")).toEqual(["-12345", "-12.345"]);
    expect(readings("−3,142", "en-GB")).toEqual(["-3142", "-3.142"]);
    expect(readings("3’142", "es")).toEqual(["3142", "3.142"]);
    expect(readings("١،٠٠٠", "ar-EG")).toEqual(["1000", "1"]);
  });
  it("asks nothing where there is one reading", () => {
    for (const [text, locale] of [
      ["1.000", "en-GB"],
      ["1,000", "fr"],
      ["1000", "en-GB"],
      ["1,00", "en-GB"],
      ["1,000,000", "en-GB"],
      ["1,000.5", "en-GB"],
      ["0,125", "en-GB"],
      ["1 000", "en-GB"],
      ["1'000", "en-GB"],
      ["5 cm", "en-GB"],
      ["", "en-GB"],
    ] as const)
      expect(readings(text, locale), text).toBeUndefined();
  });
});

describe("findUnclear", () => {
  it("finds the first number in a gap that can be two", () => {
    const gaps = [
      { id: "1", kind: "text" },
      { id: "2", kind: "numeric" },
      { id: "3", kind: "numeric" },
    ];
    const filled = { "1": "1,000", "2": "12", "3": "1,000" };
    expect(findUnclear(gaps, filled, "en")).toEqual({ id: "3", both: ["1000", "1"] });
    expect(findUnclear(gaps, { ...filled, "3": "1000" }, "en")).toBeUndefined();
    expect(findUnclear(gaps, {}, "en")).toBeUndefined();
  });
});
