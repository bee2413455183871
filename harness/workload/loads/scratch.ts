/**
 * cache-scratch and cache-thrash: false sharing that the heap causes (Hoard's tests, `1000 1
 * 2000000 N`).
 *
 * Model: each CPU allocates an object of 1 byte, writes it 2,000,000 / cpus times and frees it,
 * again and again. A heap that gives two CPUs neighbouring objects makes them share a line, and
 * each write costs what a contended line costs. cache-thrash does just that: active false sharing.
 * cache-scratch first has CPU 0 allocate neighbours, hand one to each CPU and each CPU free it: a
 * heap that reuses an object where it was freed shares lines from then on: passive false sharing.
 *
 * Differs: runs for a time instead of 1000 objects, and an operation is a write, which reads the
 * byte and adds 1. The writes scale. There is no flavour without a heap: there all CPUs would
 * write the same byte.
 */
import { type LoadDefinition, scaled } from "./definition.js";

const WRITES = 2_000_000;
const SIZE = 1;
/** What an object of 1 byte takes. */
const OBJECT_BYTES = 8;

function scratch(name: string, model: string, handsOut: boolean): LoadDefinition {
  return {
    name,
    prefix: "scratch",
    model,
    unit: "write of a byte, allocated anew now and then",
    flavours: ["fused", "imports"],
    cpusMin: 1,
    cpusMax: 256,
    parameters: (scale, cpus) => [
      { name: "writes", value: scaled(WRITES / cpus, scale) },
      { name: "size", value: SIZE },
      { name: "handsOut", value: handsOut ? 1 : 0 },
    ],
    liveBytes: (_scale, cpus) => 2 * OBJECT_BYTES * cpus,
    between: "none",
    renewSteps: 0,
  };
}

export const cacheScratch = scratch(
  "cache-scratch",
  "CPUs free neighbours that CPU 0 allocated: does the heap let them share a line?",
  true,
);

export const cacheThrash = scratch(
  "cache-thrash",
  "CPUs allocate tiny objects at once: do they share a line?",
  false,
);
