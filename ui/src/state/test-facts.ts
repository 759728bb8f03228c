// The golden facts, for unit tests: one of each kind, as a Go test of services/wire writes them.
// No page imports this file.
import golden from "../../../services/wire/testdata/facts.json";
import type { Envelope, Fact, FactData } from "../contract";

type Kind = FactData["kind"];
type Data<K extends Kind> = Extract<FactData, { kind: K }>["data"];

let seq = 0;

// fact returns the golden fact of a kind with the next number. Parts of it can be changed.
export function fact<K extends Kind>(
  kind: K,
  change: Partial<Data<K>> = {},
  envelope: Partial<Envelope> = {},
): Extract<Fact, { kind: K }> {
  const found = golden.find((f) => f.kind === kind);
  if (!found) throw new Error(`no golden fact of the kind ${kind}`);
  const e: object = {
    seq: ++seq,
    epoch: 1,
    at: 1000,
    by: "p_1",
    ...envelope,
    kind,
    data: { ...found.data, ...change },
  };
  return e as Extract<Fact, { kind: K }>;
}
