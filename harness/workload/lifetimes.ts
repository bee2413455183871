/**
 * Permuted batches, FIFO and random lifetimes on one CPU: the loads of the second table
 * (assembly/workload/lifetimes.ts says what each is).
 */
import { allocateBlock, type CpuLoad, type LoadContext, seedOf } from "./cpu-load.js";

export const LIFETIMES = ["permuted", "fifo", "random"] as const;
export type Lifetime = (typeof LIFETIMES)[number];

/** Live objects of one CPU: a batch, or the set that random replaces in. */
const LIVE_COUNT = 4096;
/** Steps in one phase of fifo and random. */
const STEPS_PER_PHASE = 8192;
/** Depths of the ring, another in each phase: one depth would resonate with the slabs' size. */
const DEPTH_MIN = 768;
const DEPTH_SPREAD = 512;

/** What a lifetime holds at most on one CPU, in bytes of objects. */
export function lifetimeBytes(sizeBytes: number): number {
  return LIVE_COUNT * sizeBytes;
}

export function createLifetime(name: Lifetime, context: LoadContext): CpuLoad {
  const { cpu, exports } = context;
  let block = 0;
  let random = 1;
  const nextDepth = () => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return DEPTH_MIN + ((random >>> 16) % DEPTH_SPREAD);
  };
  const first: Readonly<Record<Lifetime, () => void>> = {
    permuted: () => exports.permuted_prepare(block, LIVE_COUNT),
    fifo: () => void exports.lifetime_hold(block, nextDepth()),
    random: () => void exports.random_prepare(block, LIVE_COUNT),
  };
  const again: Readonly<Record<Lifetime, () => void>> = {
    permuted: () => exports.permuted_shuffle(block),
    fifo: () => void exports.lifetime_hold(block, nextDepth()),
    random: () => {},
  };
  const operations = name === "permuted" ? LIVE_COUNT : STEPS_PER_PHASE;
  const run: Readonly<Record<Lifetime, (bursts: number) => number>> = {
    permuted: (bursts) => exports.permuted_phase(block, bursts),
    fifo: (bursts) => exports.fifo_phase(block, operations, bursts),
    random: (bursts) => exports.random_phase(block, operations, bursts),
  };
  return {
    operations,
    isDrainedEachPhase: false,
    steps: [
      () => {
        block = allocateBlock(context, exports.lifetime_bytes(LIVE_COUNT));
        first[name]();
      },
    ],
    // Objects of two CPUs come to share slabs, and a heap that is mixed up stays so: unless every
    // slot begins with each CPU's objects in slabs of its own, it is the heap that is measured.
    clear: () => exports.lifetime_release(block),
    begin(seed) {
      random = seedOf(seed, cpu.id);
      exports.work_seed(block, random);
      first[name]();
    },
    phase: (bursts) => run[name](bursts) === operations,
    reset: again[name],
    release() {
      exports.lifetime_release(block);
      cpu.kfree(block);
    },
  };
}
