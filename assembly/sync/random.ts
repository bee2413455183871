/**
 * A per-CPU generator that takes no lock and calls nobody: good enough for lotteries, no secret.
 *
 * xorshift32 (Marsaglia 2003). The kernel uses a per-CPU weak generator where a lock could be met
 * in NMI, and the cycle counter for the lottery between nodes. Context: any; a nested call on the
 * same CPU may repeat a number, which harms nothing.
 */
import { cpu_area, header } from "./percpu";

/** @returns the next pseudo-random number of this CPU, 1 .. 2^32-1. */
export function next_random(): u32 {
  const area = cpu_area();
  let state = area.random;
  if (state === 0) state = (header().seed ^ 0x9e37_79b9 ^ (area.cpu << 16)) | 1;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  area.random = state;
  return state;
}
