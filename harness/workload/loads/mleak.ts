/**
 * mleak: threads that exchange objects and exit; does each leave everything behind it in order?
 * (`mleak`: 10 threads at a time, 500 or 5000 rounds.)
 *
 * Model: a CPU lives for 100 steps, then goes offline, and a new one of its number takes over. A
 * step allocates 16 words, zeroes them, swaps the object with a random slot of the transfer array
 * of 1000 that all share, and frees what comes out. The time to go and to come, mostly that of
 * making two instances, is in the figure: a hundredth of it in each step.
 * Differs: the original's threads each live for one step and wait for each other.
 */
import type { LoadDefinition } from "./definition.js";

const TRANSFER = 1000;
const WORDS = 16;
const LIFE_STEPS = 100;

export const mleak: LoadDefinition = {
  name: "mleak",
  prefix: "mleak",
  model: "CPUs come, exchange objects with others, and go",
  unit: "malloc of 64 zeroed bytes, exchange, free, 1/100 of a CPU's coming and going",
  flavours: ["fused", "imports"],
  cpusMin: 1,
  cpusMax: 256,
  parameters: () => [
    { name: "transfer", value: TRANSFER },
    { name: "words", value: WORDS },
  ],
  liveBytes: (_scale, cpus) => (TRANSFER + cpus) * WORDS * 4,
  between: "none",
  renewSteps: LIFE_STEPS,
};
