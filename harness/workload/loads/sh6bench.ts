/**
 * sh6bench: small objects in runs, freed in the reverse or in the same order (`sh6bench 2N`; its
 * source is not free, so this is a version of our own).
 *
 * Model: a CPU fills 2000 slots with objects in runs of 32 of one size, 1..1000 bytes, small ones
 * far more often: the draw is shifted right by 0 to 7 bits. Then, in rounds of four: the newer
 * half goes last in first out and the older stays; all go last in first out; the newer half
 * again; all go in the order of allocation. No object leaves its CPU; one byte is written.
 * Differs: the original's sizes and counts are its own; here one thread on each CPU, not two.
 */
import { type LoadDefinition, scaled } from "./definition.js";

const SLOTS = 2000;
/** Four runs. */
const SLOTS_MIN = 128;
const SIZE_MAX = 1000;

/** Of sh6bench and sh8bench. */
export const SH_SIZE_CLASS_MAX = 1024;

export function shSlots(scale: number): number {
  return scaled(SLOTS, scale, SLOTS_MIN);
}

export const sh6bench: LoadDefinition = {
  name: "sh6bench",
  prefix: "sh6bench",
  model: "runs of small objects, freed in the reverse or in the same order",
  unit: "malloc of 1..1000 bytes, 1 byte written, or free",
  flavours: ["fused", "imports", "null"],
  cpusMin: 1,
  cpusMax: 256,
  parameters: (scale) => [
    { name: "slots", value: shSlots(scale) },
    { name: "sizeMax", value: SIZE_MAX },
  ],
  liveBytes: (scale, cpus) => shSlots(scale) * SH_SIZE_CLASS_MAX * cpus,
  between: "none",
  renewSteps: 0,
};
