/**
 * The numbers of one arm from its slots: what an ordinary free costs, and all beside it.
 *
 * The definition of the headline, per round, with T the time of a phase, summed over the CPUs that
 * do ordinary frees:
 *
 *   floor    = T(none) / frees
 *   ordinary = floor + (T(arm) - T(none)) / ordinary frees
 *
 * Everything that an arm adds to the phase is charged to the ordinary frees: the push, the bounced
 * line, the drain, irq_work. So no drain is free by construction. What the phase leaves undrained
 * is drained at a barrier, and that time stands beside it; what CPUs with nolock frees only do is
 * in the system's time.
 */
import { type DeferArm, FLOOR_ARM } from "../../heap/arms.js";
import type { CompareCounts, DeferCounts } from "./compare-counts.js";
import {
  ALLOC_KEY,
  type CompareParameters,
  largestShare,
  NOLOCK_KEY,
  slopeKey,
  VICTIM_KEY,
} from "./compare-plan.js";
import type { SlotNumbers } from "./compare-slots.js";
import type { SlotTable } from "./compare-table.js";
import { type BootstrapOptions, type Estimate, estimateMedian } from "../common/statistics.js";

export interface SlopePoint {
  readonly share: number;
  readonly ordinaryFreeNs: Estimate | null;
}

export interface ArmResult {
  readonly name: DeferArm;
  /** False: it ran out of memory, and nothing it was timed at means anything. */
  readonly bounded: boolean;
  /** At the largest share. */
  readonly ordinaryFreeNs: Estimate | null;
  /** Phase and barrier over all frees, both kinds: what the whole system pays per free. */
  readonly systemNs: Estimate | null;
  /** A pair of kmalloc() and kfree() on the fast path while other CPUs run the load. */
  readonly fastAllocNs: Estimate | null;
  readonly nolockFreeNs: Estimate | null;
  readonly nolockAllocNs: Estimate | null;
  /** Draining at the end of a phase what the arm had not drained, per nolock free. */
  readonly barrierNs: Estimate | null;
  /** Of the phases of a round, in ns per free. */
  readonly p99FreeNs: Estimate | null;
  readonly maxFreeNs: Estimate | null;
  /** Slow frees among all frees in the counting pass; null if that did not get so far. */
  readonly slowFreeShare: number | null;
  readonly slope: readonly SlopePoint[];
  /** The share at which an ordinary free costs 1.05 of what it costs on the floor. */
  readonly costs5PercentAtShare: number | null;
  /** Events of the counting pass at the largest share; null if that did not get so far. */
  readonly deferred: (DeferCounts & { readonly countedNolockFrees: number }) | null;
}

/** What the numbers of all arms are computed from. */
export interface ArmInputs {
  readonly parameters: CompareParameters;
  readonly table: SlotTable;
  readonly counts: CompareCounts;
}

const COSTLY = 1.05;

/** Compute everything about one arm. */
export function armResult(inputs: ArmInputs, arm: DeferArm): ArmResult {
  const { parameters, table, counts } = inputs;
  const main = slopeKey(largestShare(parameters));
  const bounded = parameters.shares.every((share) => table.isBounded(arm, slopeKey(share)));
  const estimate = (key: string, value: (numbers: SlotNumbers) => number) =>
    bounded ? estimateOf(table.zip([arm], key, value), parameters) : null;
  const irq = (key: string) => irqNs(inputs, arm, key);
  const perFree = (numbers: SlotNumbers) => numbers.phaseNs / numbers.operations;
  const raised = irq(main).perFree;
  const counted = counts.get(arm)?.get(main);
  const hasDeferred = (counted?.deferred.adds ?? 0) > 0;
  const slope = parameters.shares.map((share) => ({
    share,
    ordinaryFreeNs: bounded ? estimateOf(ordinaryOf(inputs, arm, share), parameters) : null,
  }));
  return {
    name: arm,
    bounded,
    ordinaryFreeNs: slope.at(-1)?.ordinaryFreeNs ?? null,
    systemNs: estimate(
      main,
      ({ system, drainNs }) => (system.phaseNs + drainNs) / system.operations + raised,
    ),
    fastAllocNs: estimate(VICTIM_KEY, (n) => n.victimNs as number),
    nolockFreeNs: estimate(NOLOCK_KEY, (n) => perFree(n) + irq(NOLOCK_KEY).perFree),
    nolockAllocNs: estimate(ALLOC_KEY, perFree),
    barrierNs: hasDeferred ? estimate(main, (n) => n.drainNs / n.system.nolockFrees) : null,
    p99FreeNs: estimate(main, (n) => n.p99Ns + raised),
    maxFreeNs: estimate(main, (n) => n.maxNs + raised),
    slowFreeShare: counted?.slowFreeShare ?? null,
    slope,
    costs5PercentAtShare: bounded ? costlyShare(inputs, arm) : null,
    deferred:
      counted === undefined
        ? null
        : { ...counted.deferred, countedNolockFrees: counted.nolockFrees },
  };
}

/** ns per ordinary free in each round in which the arm and the floor were measured. */
export function ordinaryOf(inputs: ArmInputs, arm: DeferArm, share: number): number[] {
  return inputs.table.zip([arm, FLOOR_ARM], slopeKey(share), ordinaryFreeNs(inputs, arm, share));
}

/** The same as a function of the slots of one round. */
export function ordinaryFreeNs(
  inputs: ArmInputs,
  arm: DeferArm,
  share: number,
): (...numbers: readonly SlotNumbers[]) => number {
  const { perFree: irqPerFree } = irqNs(inputs, arm, slopeKey(share));
  return (own, none) => {
    const { phaseNs, operations, nolockFrees } = own as SlotNumbers;
    const floorNs = (none as SlotNumbers).phaseNs;
    const added = phaseNs + irqPerFree * operations - floorNs;
    return floorNs / operations + added / (operations - nolockFrees);
  };
}

/** What the price of raises adds to each free; 0 where nobody asked for a price. */
export function irqNs(
  { counts, parameters }: ArmInputs,
  arm: DeferArm,
  key: string,
): { readonly perFree: number } {
  const counted = counts.get(arm)?.get(key);
  if (counted === undefined || counted.frees === 0) return { perFree: 0 };
  return { perFree: (counted.deferred.raises / counted.frees) * parameters.irqCostNs };
}

/** Raises per ordinary free at a share, from the counting pass; null if it was not counted. */
export function raisesPerOrdinaryFree(
  { counts }: Pick<ArmInputs, "counts">,
  arm: DeferArm,
  share: number,
): number | null {
  const counted = counts.get(arm)?.get(slopeKey(share));
  if (counted === undefined || counted.frees === counted.nolockFrees) return null;
  return counted.deferred.raises / (counted.frees - counted.nolockFrees);
}

/** A median with its interval; null of no values. */
export function estimateOf(
  values: readonly number[],
  { seed }: Pick<BootstrapOptions, "seed">,
): Estimate | null {
  return values.length === 0 ? null : estimateMedian(values, { seed });
}

/** Where the paired ratio to the floor reaches 1.05 and stays above; null if it never does. */
function costlyShare(inputs: ArmInputs, arm: DeferArm): number | null {
  if (arm === FLOOR_ARM) return null;
  const points = inputs.parameters.shares.flatMap((share) => {
    const ratios = inputs.table.zip([arm, FLOOR_ARM], slopeKey(share), (own, none) => {
      const floor = none as SlotNumbers;
      const ns = ordinaryFreeNs(inputs, arm, share)(own as SlotNumbers, floor);
      return ns / (floor.phaseNs / floor.operations);
    });
    const estimate = estimateOf(ratios, inputs.parameters);
    return estimate === null ? [] : [{ share, ratio: estimate.median }];
  });
  return crossing(points, COSTLY);
}

/**
 * The share from which on `ratio` stays at or above `limit`, interpolated between two points.
 *
 * From the right: a single point of noise near share 0 is no crossing. @returns null if the last
 * point is below; the first share if all are above.
 */
export function crossing(
  points: readonly { readonly share: number; readonly ratio: number }[],
  limit: number,
): number | null {
  const last = points.findLastIndex(({ ratio }) => ratio < limit);
  const before = points[last];
  const after = points[last + 1];
  if (after === undefined) return null;
  if (before === undefined) return after.share;
  const part = (limit - before.ratio) / (after.ratio - before.ratio);
  return before.share + part * (after.share - before.share);
}
