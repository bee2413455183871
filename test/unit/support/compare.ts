/** What the tests of the comparison share: parameters, slots made by hand, tables of them. */
import { FLOOR_ARM, MERGED_ARM, RIVAL_ARM, VERSION_1_ARM } from "slablab/internal/heap/arms.js";
import type { CompareParameters } from "slablab/internal/measure/compare/compare-plan.js";
import type { SlotNumbers } from "slablab/internal/measure/compare/compare-slots.js";
import type { ConditionCounts } from "slablab/internal/measure/compare/compare-counts.js";

export const PARAMETERS: CompareParameters = {
  sizeBytes: 64,
  cpus: 2,
  burst: 4,
  nolockCpus: 0,
  migrate: 0,
  seed: 1,
  arms: [FLOOR_ARM, VERSION_1_ARM, RIVAL_ARM, MERGED_ARM],
  shares: [0, 0.001, 0.01, 0.03, 0.1],
  durationMs: null,
  rounds: null,
  irqCostNs: 0,
  percpu: "slab",
  load: null,
};

/** Frees of one phase of two CPUs. */
export const FREES = 8192;

/** A slot in which a free of either kind took `freeNs`. */
export function slotOf(freeNs: number, changes: Partial<SlotNumbers> = {}): SlotNumbers {
  const { nolockFrees = 0 } = changes;
  const phase = { phaseNs: freeNs * FREES, operations: FREES, nolockFrees };
  return {
    ...phase,
    system: phase,
    drainNs: 0,
    victimNs: null,
    p99Ns: freeNs,
    maxNs: freeNs,
    isOutOfMemory: false,
    ...changes,
  };
}

/** Counts of ten phases in which `raises` were seen. */
export function countsOf(changes: {
  readonly share: number;
  readonly raises?: number;
  readonly slowFreeShare?: number;
  readonly leftShare?: number;
  readonly adds?: number;
  readonly barrierDrains?: number;
}): ConditionCounts {
  const { share, raises = 0, slowFreeShare = 1, adds = 0, barrierDrains = 0 } = changes;
  const { leftShare = 0 } = changes;
  const byTrigger = { slowFree: 0, deactivate: 0, switch: 0, irqWork: 0, barrier: barrierDrains };
  return {
    phases: 10,
    frees: FREES * 10,
    nolockFrees: FREES * 10 * share,
    slowFreeShare,
    leftShare,
    deferred: {
      adds,
      remoteAdds: 0,
      raises,
      drains: { total: barrierDrains, byTrigger },
      highWater: barrierDrains === 0 ? 4 : 410,
      maxAgeOps: 4,
      directFrees: 0,
      slabs: 0,
    },
    outcomes: { main: 0, spare: 0, barn: 0, slab: 0, deferred: adds },
  };
}
