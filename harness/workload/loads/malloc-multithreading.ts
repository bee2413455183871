/**
 * malloc-multithreading: the load of emscripten's published chart of its allocators
 * (test_malloc_multithreading).
 *
 * Model: each CPU has 1024 slots and takes them in turn. Step i frees what is in its slot,
 * allocates 1000 + i % 1024 bytes and writes one byte. Nothing is shared, so a heap with one lock
 * shows by how much it slows down with every CPU. Differs: steps for a window of time, not
 * 100 million shared out among the workers.
 */
import { type LoadDefinition, scaled } from "./definition.js";

const SLOTS = 1024;
const SIZE_MIN = 1000;
const SIZE_CLASS_MAX = 2048;

export const mallocMultithreading: LoadDefinition = {
  name: "malloc-multithreading",
  prefix: "malloc_multithreading",
  model: "slots in turn, nothing shared: emscripten's chart",
  unit: "free + malloc of 1000..2023 bytes, 1 byte written",
  flavours: ["fused", "imports", "null"],
  cpusMin: 1,
  cpusMax: 256,
  parameters: (scale) => [
    { name: "slots", value: scaled(SLOTS, scale) },
    { name: "sizeMin", value: SIZE_MIN },
  ],
  liveBytes: (scale, cpus) => scaled(SLOTS, scale) * SIZE_CLASS_MAX * cpus,
  between: "none",
  renewSteps: 0,
};
