/** The hunters, cheapest first. */
import { explorer } from "./explorer.js";
import { fuzz, fuzzWorkers } from "./fuzz-hunter.js";
import type { Hunter } from "./hunter.js";
import { race } from "./race-hunter.js";
import { smoke } from "./smoke.js";
import { stress } from "./stress-hunter.js";
import { unit } from "./unit-hunter.js";

export const HUNTERS: readonly Hunter[] = [
  ...[smoke, unit, fuzz],
  ...[explorer, race, stress, fuzzWorkers],
];

/** `hunters` for one mutant: that which its record says is the cheapest that can comes first. */
export function orderFor(
  { expected }: { readonly expected?: string | undefined },
  hunters: readonly Hunter[],
): Hunter[] {
  const place = ({ name }: Hunter) => (name === expected ? 0 : 1);
  return [...hunters].sort((a, b) => place(a) - place(b));
}
