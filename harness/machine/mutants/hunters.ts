/** The hunters, cheapest first. */
import { explorer } from "./explorer.js";
import { fuzz, fuzzWorkers } from "./fuzz.js";
import type { Hunter } from "./hunter.js";
import type { Mutant } from "./mutant.js";
import { race } from "./race.js";
import { smoke } from "./smoke.js";
import { stress } from "./stress.js";
import { unit } from "./unit.js";

export const HUNTERS: readonly Hunter[] = [
  ...[smoke, unit, fuzz],
  ...[explorer, race, stress, fuzzWorkers],
];

/** Hunters that take less time than any that uses up its budget when it finds nothing. */
const SHORT: readonly Hunter[] = [smoke, unit];

/** `hunters` for one mutant: behind the short ones that which it expects comes first. */
export function orderFor(
  { expected }: Pick<Mutant, "expected">,
  hunters: readonly Hunter[],
): Hunter[] {
  const place = (hunter: Hunter) => (SHORT.includes(hunter) ? 0 : hunter.name === expected ? 1 : 2);
  return [...hunters].sort((a, b) => place(a) - place(b));
}
