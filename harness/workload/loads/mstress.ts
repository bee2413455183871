/**
 * mstress: objects that migrate between threads of unequal size, every word of them checked
 * (`mstress N 50 25`).
 *
 * Model: in a round CPU c allocates 5000 * (c % 8 + 1) objects of 2^0..2^4 words, and half as many
 * of 2^0..2^6 words that it retains to the end of the round, the two kinds mixed. One object in
 * 100 is 100 times as large, one in 1000 a thousand times, one in 10,000 ten thousand times. After
 * each allocation it frees an object allocated before (66 %) and swaps one with a random slot of
 * the transfer array that all share (25 %). At the end of a round it frees what it holds, and
 * every second object in its share of the transfer array. After each window every CPU dies and
 * its successor goes on with the round. Every object holds a cookie in each word, checked
 * before it is freed. Differs: threads are born at rounds in the original, here the CPUs of a heap
 * renew themselves at windows; a word is 4 bytes, as in C compiled to wasm32; objects beyond 64
 * words take at most 8 MiB for each CPU together, a draw beyond that stays small, so that no
 * draw can exhaust memory.
 */
import { type LoadDefinition, scaled } from "./definition.js";

/** Allocations of CPU 0 in a round: the others have up to 8 times as many. */
const ALLOCATIONS = 5000;
const TRANSFER = 1000;
const WORD_BYTES = 4;
const DATA_BYTES = 16 * WORD_BYTES;
const RETAINED_BYTES = 64 * WORD_BYTES;
const LARGE_BYTES = 8 * 2 ** 20;

function liveBytes(scale: number, cpus: number): number {
  let bytes = TRANSFER * RETAINED_BYTES + LARGE_BYTES * cpus;
  for (let cpu = 0; cpu < cpus; cpu++) {
    const allocations = scaled(ALLOCATIONS, scale) * ((cpu % 8) + 1);
    bytes += allocations * DATA_BYTES + Math.floor(allocations / 2) * RETAINED_BYTES;
  }
  return bytes;
}

export const mstress: LoadDefinition = {
  name: "mstress",
  prefix: "mstress",
  model: "unequal CPUs that keep, free and exchange objects, and die",
  unit: "malloc or free, every word written or checked",
  flavours: ["fused", "imports"],
  cpusMin: 1,
  cpusMax: 256,
  parameters: (scale, cpus) => [
    { name: "allocations", value: scaled(ALLOCATIONS, scale) },
    { name: "transfer", value: TRANSFER },
    { name: "largeBytes", value: LARGE_BYTES * cpus },
  ],
  liveBytes,
  between: "renew",
  renewSteps: 0,
};
