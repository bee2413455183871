/**
 * rptest: mixed sizes, with batches that another thread frees (`rptest N 0 1 2 500 1000 100 8
 * 16000`).
 *
 * Model: each CPU has 1000 slots. A round visits 30 to 99 of them at a prime stride and frees what
 * is there, then visits as many others and fills those that are empty. Sizes are 8..16000 bytes,
 * their probability falling evenly with size, to 0; both ends are written. What every second
 * round frees is collected in a batch, itself from the heap, which a random other CPU gets and
 * frees at the start of its next round. Differs: counts and strides are drawn, not read from
 * tables; no object is aligned beyond what the heap gives; when 8 batches wait for a CPU the next
 * is freed where it is, since a CPU may be off the machine for long; windows of time in place of
 * 500 rounds.
 */
import { type LoadDefinition, scaled } from "./definition.js";

const SLOTS = 1000;
/** More than any stride. */
const SLOTS_MIN = 32;
const SIZE_MIN = 8;
const SIZE_MAX = 16_000;
const CROSS_ROUNDS = 2;
const WAITING = 8;
const BATCH_POINTERS = 99;
/** The mean of a size. */
const OBJECT_BYTES = Math.ceil((2 * SIZE_MIN + SIZE_MAX) / 3);

export const rptest: LoadDefinition = {
  name: "rptest",
  prefix: "rptest",
  model: "objects of 8..16000 bytes in slots, some freed by another CPU",
  unit: "malloc, both ends written, or free",
  flavours: ["fused", "imports"],
  cpusMin: 1,
  cpusMax: 256,
  parameters: (scale) => [
    { name: "slots", value: scaled(SLOTS, scale, SLOTS_MIN) },
    { name: "sizeMin", value: SIZE_MIN },
    { name: "sizeMax", value: SIZE_MAX },
    { name: "crossRounds", value: CROSS_ROUNDS },
    { name: "waitingBatches", value: WAITING },
  ],
  liveBytes: (scale, cpus) => {
    const objects = scaled(SLOTS, scale, SLOTS_MIN) + (WAITING + 2) * BATCH_POINTERS;
    return objects * OBJECT_BYTES * cpus;
  },
  between: "none",
  renewSteps: 0,
};
