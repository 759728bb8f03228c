import { describe, expect, it } from "vitest";
import { placesOf } from "./projector-podium";

const name = (user: string) => ({ p1: "Zoé", p2: "Amal", p3: "Émile", p4: "Ben" })[user] ?? user;

describe("placesOf", () => {
  it("gives equals one place, in the order of the alphabet, and counts them for the next place", () => {
    const list = [
      { user: "p1", score: 4 },
      { user: "p3", score: 3 },
      { user: "p2", score: 3 },
      { user: "p4", score: 1 },
    ];
    expect(placesOf(list, name, "fr").map((p) => [p.place, p.score, p.names])).toEqual([
      [1, 4, ["Zoé"]],
      [2, 3, ["Amal", "Émile"]],
      [4, 1, ["Ben"]],
    ]);
  });
  it("names nobody where too many share a place", () => {
    expect(placesOf([{ user: "", score: 1, shared: 18 }], name, "en")).toEqual([
      { place: 1, score: 1, names: [], shared: 18 },
    ]);
  });
});
