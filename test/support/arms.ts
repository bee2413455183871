/** Arms of deferral, for tests that repeat one check in each. */
import { DEFER_ARMS, MERGED_ARM, VERSION_1_ARM } from "slablab/internal/heap/arms.js";
import { rows } from "./tier.js";

/**
 * The first and the last version of the patch: one list for all CPUs, which whoever is slow drains,
 * and a list a CPU that raises work. In the deep run every arm: the others differ from these in
 * where a list is and who drains it, which unit tests and the machine hold for each.
 */
export const SOME_ARMS = rows(DEFER_ARMS, (arm) => arm === MERGED_ARM || arm === VERSION_1_ARM);

/** Heaps: those arms on slabs, where most of what they defer comes from, and one on sheaves. */
export const SOME_HEAPS = [
  ...SOME_ARMS.map((defer) => ({ defer, percpu: "slab" }) as const),
  { defer: MERGED_ARM, percpu: "sheaf" } as const,
];
