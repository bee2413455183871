/**
 * glibc-simple: how fast small objects come and go on one CPU (glibc's bench-malloc-simple).
 *
 * Model: for objects of 16, 32 and 64 bytes and 25, 100, 400 and 1600 of them: all are allocated
 * and written, the first half is freed in the order of allocation and the second half in reverse.
 * Differs: each size and number is a load of its own and runs for a time, not 2 M objects.
 */
import type { LoadDefinition } from "./definition.js";

const SIZES = [16, 32, 64];
const COUNTS = [25, 100, 400, 1600];
/** The numbers that run unless others are asked for, at one size. */
const SIZE_USUAL = 32;
const COUNTS_USUAL = [100, 1600];

function simple(size: number, count: number): LoadDefinition {
  return {
    name: `glibc-simple/${size}/${count}`,
    prefix: "glibc_simple",
    model: `${count} objects of ${size} bytes come and go, half of them in reverse`,
    unit: `malloc + free of ${size} bytes, all written`,
    flavours: ["fused", "imports", "null"],
    cpusMin: 1,
    cpusMax: 256,
    parameters: () => [
      { name: "count", value: count },
      { name: "size", value: size },
    ],
    liveBytes: (_scale, cpus) => size * count * cpus,
    between: "none",
    renewSteps: 0,
    isOptional: size !== SIZE_USUAL || !COUNTS_USUAL.includes(count),
  };
}

export const glibcSimple: readonly LoadDefinition[] = SIZES.flatMap((size) =>
  COUNTS.map((count) => simple(size, count)),
);
