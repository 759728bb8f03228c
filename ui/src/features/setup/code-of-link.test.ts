import { describe, expect, it } from "vitest";
import type { BoxState } from "../../api/box";
import { secureHome } from "../secure/secure-home";
import { codeOfLink } from "./code-of-link";

describe("the claim code in a link", () => {
  it("is its fragment", () => {
    expect(
      ["", "#", "#K7FP2M9XQ4TD", "#k7fp-2m9x-q4td", "#a b", "#<img>", `#${"A".repeat(33)}`].map(codeOfLink),
    ).toEqual(["", "", "K7FP2M9XQ4TD", "k7fp-2m9x-q4td", "", "", ""]);
  });
  it("goes along to the secure page", () => {
    Object.assign(globalThis, { location: { pathname: "/claim", hash: "#K7FP2M9XQ4TD", hostname: "192.0.2.7" } });
    expect(secureHome({ home: "", https: ["https://192.0.2.7:8443"] } as unknown as BoxState)).toBe(
      "https://192.0.2.7:8443/claim#K7FP2M9XQ4TD",
    );
  });
});
