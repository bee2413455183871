/** The hunters, cheapest first. */
import { explorer } from "./explorer.js";
import { fuzz, fuzzWorkers } from "./fuzz.js";
import type { Hunter } from "./hunter.js";
import { race } from "./race.js";
import { smoke } from "./smoke.js";
import { stress } from "./stress.js";
import { unit } from "./unit.js";

export const HUNTERS: readonly Hunter[] = [
  ...[smoke, unit, explorer, fuzz, race, stress, fuzzWorkers],
];
