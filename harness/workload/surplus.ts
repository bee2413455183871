/** The surplus of frees on one CPU (assembly/workload/surplus.ts says what it is). */
import { allocateBlock, type CpuLoad, type LoadContext, seedOf } from "./cpu-load.js";
import { FREES_PER_PHASE } from "./slow-free.js";

/** Twice what a barn keeps of a cache, in bytes of objects (assembly/slab/sheaf.ts BARN_BYTES). */
const BATCH_BYTES = 2 * 512 * 1024;

/** Objects that one CPU frees in a phase. */
export function surplusObjects(sizeBytes: number): number {
  return Math.max(FREES_PER_PHASE, Math.ceil(BATCH_BYTES / sizeBytes));
}

/** What it holds at most on one CPU, its list included, in bytes. */
export function surplusBytes(sizeBytes: number): number {
  return surplusObjects(sizeBytes) * (sizeBytes + Uint32Array.BYTES_PER_ELEMENT);
}

export function createSurplus(context: LoadContext): CpuLoad {
  const { cpu, exports, traffic } = context;
  const count = surplusObjects(traffic.sizeBytes);
  let block = 0;
  return {
    operations: count,
    isDrainedEachPhase: true,
    steps: [
      () => {
        block = allocateBlock(context, exports.surplus_bytes(count));
      },
    ],
    // As with lifetimes: each slot begins with each CPU's objects in slabs of its own.
    clear: () => exports.surplus_release(block),
    begin(seed) {
      exports.work_seed(block, seedOf(seed, cpu.id));
      exports.surplus_fill(block, count);
    },
    phase(bursts) {
      const isWhole = exports.work_failed(block) === 0;
      exports.surplus_phase(block, bursts);
      return isWhole;
    },
    reset: () => void exports.surplus_fill(block, count),
    release() {
      exports.surplus_release(block);
      cpu.kfree(block);
    },
  };
}
