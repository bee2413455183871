/** kmalloc_nolock() on one CPU (assembly/workload/nolock_alloc.ts says what it is). */
import { allocateBlock, type CpuLoad, type LoadContext, throwOutOfMemory } from "./cpu-load.js";

/** Allocations in one phase of one CPU. */
const ALLOCATIONS_PER_PHASE = 4096;
/** From here on the neighbouring bucket is the smaller one, so that heaps stay small. */
const LARGE_BYTES = 1024;

/** The bucket beside the one that is measured: an allocation here takes no object from there. */
export function neighbourBytes(sizeBytes: number): number {
  return sizeBytes >= LARGE_BYTES ? LARGE_BYTES / 2 : sizeBytes * 2;
}

/** What the load holds at most on one CPU, in bytes of objects. */
export function nolockAllocBytes(sizeBytes: number): number {
  return 2 * ALLOCATIONS_PER_PHASE * neighbourBytes(sizeBytes);
}

export function createNolockAlloc(context: LoadContext): CpuLoad {
  const { cpu, exports, traffic } = context;
  const sizeBytes = neighbourBytes(traffic.sizeBytes);
  let block = 0;
  return {
    operations: ALLOCATIONS_PER_PHASE - (ALLOCATIONS_PER_PHASE % traffic.burst),
    isDrainedEachPhase: false,
    steps: [
      () => {
        const bytes = exports.nolock_alloc_bytes(ALLOCATIONS_PER_PHASE);
        block = allocateBlock(context, bytes, sizeBytes);
        const count = exports.nolock_alloc_prepare(block, ALLOCATIONS_PER_PHASE);
        if (count === 0) throwOutOfMemory(cpu, `objects of ${sizeBytes} bytes`);
      },
    ],
    begin() {},
    phase() {
      // A refusal is no end of memory: both locks on the way were somebody else's at that moment.
      exports.nolock_alloc_phase(block);
      return true;
    },
    reset: () => exports.nolock_alloc_reset(block),
    release() {
      exports.nolock_alloc_release(block);
      cpu.kfree(block);
    },
  };
}
