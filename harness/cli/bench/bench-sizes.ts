/** Sizes of objects and of heaps: what cannot be measured is said before minutes were spent. */
import type { Suite } from "../../measure/bench/bench-suites.js";
import type { BenchOptions } from "./bench-options.js";
import { UsageError } from "../common/exit.js";

/** Larger objects have no fast path. */
const SIZE_MAX = 8192;
/** A heap is one memory of 32-bit addresses. */
const HEAP_BYTES_MAX = 2 ** 32;

/** @throws UsageError */
export async function checkSizes(
  suites: readonly Suite[],
  { size, scale }: BenchOptions,
  cpuCounts: readonly number[],
): Promise<void> {
  if (size > SIZE_MAX) {
    throw new UsageError(`--size: expected 1..${SIZE_MAX} bytes, got ${size}; try 64`);
  }
  const { heapBytesOf } = await import("../../measure/bench/load-run.js");
  const { fitCounts } = await import("../../measure/bench/bench-run.js");
  for (const suite of suites) {
    if (suite.kind !== "load") continue;
    const cpus = Math.max(...fitCounts(suite.load, cpuCounts).cpuCounts);
    const bytes = heapBytesOf(suite.load, cpus, scale);
    if (bytes <= HEAP_BYTES_MAX) continue;
    const gib = (bytes / 2 ** 30).toPrecision(2);
    throw new UsageError(
      `--scale: expected loads that fit in a heap of 4 GiB, got ${suite.name} of ${gib} GiB at ` +
        `--scale ${scale} on ${cpus} CPUs; try --scale ${Math.max(0.01, scale / 10)}`,
    );
  }
}
