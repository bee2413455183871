/**
 * xmalloc-test: threads that only allocate, and threads that only free (`xmalloc-test -w N -t 5
 * -s 64`).
 *
 * Model: even CPUs fill batches of 4096 objects of 64 bytes, each written; a batch is itself from
 * the heap. Full batches go on one stack, at most 100 of them at a time. Odd CPUs take the newest,
 * free its objects in the order of allocation, then the batch. Whoever finds nothing to do comes
 * back later. Differs: the original has N allocating and N freeing threads on N CPUs, a mutex and
 * condition variables; here a CPU has one part, the stack is lock-free, and batches that are
 * being filled or emptied count among the 100. Each malloc and each free is an operation; the
 * original's score counts frees, half of them.
 */
import { type LoadDefinition, scaled } from "./definition.js";

const POINTERS = 4096;
const BATCHES = 100;
const SIZE = 64;
const BATCH_BYTES = 32_768;

/** Each CPU can have one in hand. */
function batches(scale: number, cpus: number): number {
  return scaled(BATCHES, scale, 2 * cpus);
}

export const xmallocTest: LoadDefinition = {
  name: "xmalloc-test",
  prefix: "xmalloc_test",
  model: "half of the CPUs allocate, the others free",
  unit: "malloc of 64 bytes, all written, or free by another CPU",
  flavours: ["fused", "imports"],
  cpusMin: 2,
  cpusMax: 256,
  parameters: (scale, cpus) => [
    { name: "pointers", value: POINTERS },
    { name: "batches", value: batches(scale, cpus) },
    { name: "size", value: SIZE },
  ],
  liveBytes: (scale, cpus) => batches(scale, cpus) * (POINTERS * SIZE + BATCH_BYTES),
  between: "none",
  renewSteps: 0,
};
