/** The core slow free on one CPU (assembly/workload/slow_free.ts says what it is). */
import {
  allocateBlock,
  type CpuLoad,
  type LoadContext,
  seedOf,
  throwOutOfMemory,
} from "./cpu-load.js";

/** Frees in one phase of one CPU, at least: long against the timer and the start line. */
export const FREES_PER_PHASE = 4096;

export function createSlowFree(context: LoadContext): CpuLoad {
  const { cpu, exports, traffic } = context;
  const { sizeBytes } = traffic;
  const slabs = exports.slow_free_slabs(sizeBytes, FREES_PER_PHASE);
  let block = 0;
  return {
    operations: exports.slow_free_frees(sizeBytes, FREES_PER_PHASE),
    isDrainedEachPhase: true,
    steps: [
      () => {
        block = allocateBlock(context, exports.slow_free_bytes(sizeBytes, FREES_PER_PHASE));
        const owned = exports.slow_free_prepare(block, FREES_PER_PHASE);
        if (owned < slabs) throwOutOfMemory(cpu, `${slabs} slabs of ${sizeBytes} bytes`);
      },
      () => {
        const wrong = exports.slow_free_thin(block);
        if (wrong > 0) throwWrong(cpu.id, wrong, slabs, "after the setup");
      },
    ],
    begin(seed) {
      exports.work_seed(block, seedOf(seed, cpu.id));
      exports.slow_free_shuffle(block);
    },
    phase(bursts) {
      exports.slow_free_phase(block, bursts);
      return true;
    },
    reset() {
      const wrong = exports.slow_free_reset(block);
      if (wrong > 0) throwWrong(cpu.id, wrong, slabs, "after a phase and its drain");
    },
    release() {
      exports.slow_free_release(block);
      cpu.kfree(block);
    },
  };
}

function throwWrong(cpu: number, wrong: number, slabs: number, when: string): never {
  throw new Error(
    `CPU ${cpu}: expected each of ${slabs} slabs to hold exactly the objects it must ${when}, ` +
      `got ${wrong} that do not: objects were lost, or freed twice`,
  );
}
