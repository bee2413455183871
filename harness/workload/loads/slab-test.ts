/**
 * slab_test: the kernel's own micro-benchmark (C. Lameter), without objects being written.
 *
 * Model: four tests, for each size from 8 to 4096 bytes.
 * - `alloc-free`: 10,000 objects are allocated and then freed in the order of allocation, which
 *   leaves the cpu slab behind: allocations take whole slabs, most frees are slow frees.
 * - `pairs`: the same object is allocated and freed again and again: both fast paths.
 * - `fan-out`: CPU 0 allocates and all others free. Every free is remote.
 * - `fan-in`: all others allocate and CPU 0 frees. The same the other way round.
 *
 * On several CPUs the first two run on each by itself: the test's concurrent part. Differs: the
 * original reports allocations and frees apart; here an operation is a pair, and the histogram of
 * chunks has both. Its CPUs meet between allocating and freeing; here objects stream through a
 * ring of 10,000 / (cpus - 1), rounded down to a power of two, in batches of 64, so that both
 * sides run at once. At most 256 MiB live on all CPUs together.
 */
import { type LoadDefinition, roomFor, scaled } from "./definition.js";

const OBJECTS = 10_000;
const SIZES = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
/** The size that runs unless another is asked for. */
const SIZE_USUAL = 64;
const BATCH = 64;
const FAN_OUT = 0;
const FAN_IN = 1;

function objects(size: number, scale: number, cpus: number): number {
  return Math.min(scaled(OBJECTS, scale), roomFor(size, cpus));
}

/** Entries of a ring: a power of two, and room for two batches. */
function ringOf(size: number, scale: number, cpus: number): number {
  const partners = Math.max(1, cpus - 1);
  const entries = Math.min(scaled(OBJECTS, scale) / partners, roomFor(size, partners));
  return Math.max(2 * BATCH, 2 ** Math.floor(Math.log2(Math.max(1, entries))));
}

function common(size: number) {
  return {
    flavours: ["fused", "imports", "null"],
    cpusMax: 256,
    between: "none",
    renewSteps: 0,
    isOptional: size !== SIZE_USUAL,
  } as const;
}

function allocFree(size: number): LoadDefinition {
  return {
    ...common(size),
    name: `slab_test/alloc-free/${size}`,
    prefix: "slab_test",
    model: `10,000 objects of ${size} bytes are allocated, then freed`,
    unit: `malloc + free of ${size} bytes`,
    cpusMin: 1,
    parameters: (scale, cpus) => [
      { name: "objects", value: objects(size, scale, cpus) },
      { name: "size", value: size },
    ],
    liveBytes: (scale, cpus) => objects(size, scale, cpus) * size * cpus,
  };
}

function pairs(size: number): LoadDefinition {
  return {
    ...common(size),
    name: `slab_test/pairs/${size}`,
    prefix: "slab_pairs",
    model: `an object of ${size} bytes is allocated and freed at once`,
    unit: `malloc + free of ${size} bytes`,
    cpusMin: 1,
    parameters: () => [
      { name: "objects", value: 1 },
      { name: "size", value: size },
    ],
    liveBytes: (_scale, cpus) => size * cpus,
  };
}

function remote(size: number, direction: number): LoadDefinition {
  const isOut = direction === FAN_OUT;
  return {
    ...common(size),
    name: `slab_test/${isOut ? "fan-out" : "fan-in"}/${size}`,
    prefix: "slab_remote",
    model: isOut ? "CPU 0 allocates, all others free" : "all others allocate, CPU 0 frees",
    unit: `malloc of ${size} bytes on one CPU, or its free on another`,
    cpusMin: 2,
    parameters: (scale, cpus) => [
      { name: "ring", value: ringOf(size, scale, cpus) },
      { name: "size", value: size },
      { name: "direction", value: direction },
      { name: "batch", value: BATCH },
    ],
    liveBytes: (scale, cpus) => ringOf(size, scale, cpus) * (cpus - 1) * size,
  };
}

export const slabTest: readonly LoadDefinition[] = [
  ...SIZES.map(allocFree),
  ...SIZES.map(pairs),
  ...SIZES.map((size) => remote(size, FAN_OUT)),
  ...SIZES.map((size) => remote(size, FAN_IN)),
];
