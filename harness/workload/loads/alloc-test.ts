/**
 * alloc-test: local churn with the skew of real programs (`alloc-test N`, seed 41).
 *
 * Model: 2^18 slots shared out among the CPUs, half of them filled before. A step picks a slot:
 * 80 % of the picks go to the first 20 % of the slots, and so within those, six levels deep. An
 * empty slot gets an object, every byte written; a full one is read, every byte, and freed.
 * Sizes are 5..1024 bytes: half of them up to 8, a quarter up to 16, and so on. Differs: steps
 * for a window of time, not 100 million for each thread.
 */
import { type LoadDefinition, scaled } from "./definition.js";

const SLOTS = 2 ** 18;
const SLOTS_MIN = 64;
/** Eight classes, each half as likely and twice as large as the one before: 4 bytes each. */
const OBJECT_BYTES = 40;

function slots(scale: number, cpus: number): number {
  return Math.max(SLOTS_MIN, Math.floor(scaled(SLOTS, scale) / cpus));
}

export const allocTest: LoadDefinition = {
  name: "alloc-test",
  prefix: "alloc_test",
  model: "local churn, skewed in size and in lifetime",
  unit: "malloc of 5..1024 bytes, all written, or free, all read before",
  flavours: ["fused", "imports", "null"],
  cpusMin: 1,
  cpusMax: 256,
  parameters: (scale, cpus) => [{ name: "slots", value: slots(scale, cpus) }],
  liveBytes: (scale, cpus) => slots(scale, cpus) * OBJECT_BYTES * cpus,
  between: "none",
  renewSteps: 0,
};
