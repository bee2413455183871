/**
 * Ratios between arms, paired within each round: what slows a whole round cancels.
 *
 * A ratio is withheld where the two arms did not do the same kind of work: where their shares of
 * slow frees differ by more than two points, an arm may only look faster because more of its frees
 * happened to be fast ones.
 */
import type { DeferArm } from "../heap/constants.js";
import { type ArmInputs, ordinaryFreeNs } from "./compare-arm.js";
import {
  largestShare,
  lifetimeConditions,
  NOLOCK_KEY,
  slopeKey,
  VICTIM_KEY,
} from "./compare-plan.js";
import type { SlotNumbers } from "./compare-slots.js";
import { type Estimate, estimateMedian } from "./statistics.js";

export type RatioMetric = "ordinaryFreeNs" | "fastAllocNs" | "nolockFreeNs";

export interface ArmRatio {
  readonly arm: DeferArm;
  readonly against: DeferArm;
  readonly metric: RatioMetric;
  /** Arm divided by `against`; null if withheld. */
  readonly ratio: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Why it is withheld; null if it is not. */
  readonly reason: string | null;
}

/** Arms that the others are held against. */
const AGAINST: readonly DeferArm[] = ["none", "irq-work"];
/** Points of slow free share that two arms may differ by. */
const SLOW_SHARE_MAX = 0.02;

/** Every ratio that this run can give. */
export function armRatios(inputs: ArmInputs): ArmRatio[] {
  const { arms } = inputs.parameters;
  return AGAINST.filter((against) => arms.includes(against)).flatMap((against) =>
    arms
      .filter((arm) => arm !== against)
      .flatMap((arm) => METRICS.map((metric) => armRatio(inputs, { arm, against, metric }))),
  );
}

const METRICS: readonly RatioMetric[] = ["ordinaryFreeNs", "fastAllocNs", "nolockFreeNs"];

function armRatio(
  inputs: ArmInputs,
  which: Pick<ArmRatio, "arm" | "against" | "metric">,
): ArmRatio {
  const { arm, against, metric } = which;
  const key = keyOf(inputs, metric);
  const withheld = (reason: string) => ({ ...which, ratio: null, low: null, high: null, reason });
  const reason = reasonToWithhold(inputs, [arm, against], key);
  if (reason !== null) return withheld(reason);
  const value = (name: DeferArm) => valueOf(inputs, name, metric);
  const ratios = inputs.table.zip([arm, against, "none"], key, (own, other, none) => {
    const floor = none as SlotNumbers;
    return value(arm)(own as SlotNumbers, floor) / value(against)(other as SlotNumbers, floor);
  });
  const estimate = ratioOf(ratios, inputs.parameters.seed);
  if (estimate === null) return withheld("not measured in this run");
  const { median, low, high } = estimate;
  return { ...which, ratio: median, low, high, reason: null };
}

function keyOf({ parameters }: ArmInputs, metric: RatioMetric): string {
  if (metric === "fastAllocNs") return VICTIM_KEY;
  return metric === "nolockFreeNs" ? NOLOCK_KEY : slopeKey(largestShare(parameters));
}

function valueOf(
  inputs: ArmInputs,
  arm: DeferArm,
  metric: RatioMetric,
): (own: SlotNumbers, none: SlotNumbers) => number {
  if (metric === "fastAllocNs") return ({ victimNs }) => victimNs as number;
  if (metric === "ordinaryFreeNs") {
    return ordinaryFreeNs(inputs, arm, largestShare(inputs.parameters));
  }
  const raises = inputs.counts.get(arm)?.get(NOLOCK_KEY);
  const perFree = raises === undefined ? 0 : raises.deferred.raises / raises.frees;
  return ({ phaseNs, operations }) =>
    phaseNs / operations + perFree * inputs.parameters.irqCostNs;
}

/** Why two arms cannot be compared under a condition; null if they can. */
function reasonToWithhold(
  { table, counts }: ArmInputs,
  arms: readonly DeferArm[],
  key: string,
): string | null {
  const unbounded = arms.find((arm) => !table.isBounded(arm, key));
  if (unbounded !== undefined) return `${unbounded} ran out of memory`;
  const shares = arms.flatMap((arm) => counts.get(arm)?.get(key)?.slowFreeShare ?? []);
  const apart = Math.max(...shares) - Math.min(...shares);
  if (shares.length < 2 || apart <= SLOW_SHARE_MAX) return null;
  const points = shares.map((share) => `${(share * 100).toFixed(1)} %`).join(" and ");
  return `their shares of slow frees are too different: ${points}`;
}

export interface LifetimeArm {
  readonly name: DeferArm;
  readonly bounded: boolean;
  /** A free and the allocation that goes with it, whatever kind the free is. */
  readonly pairNs: Estimate | null;
  /** Draining at the end of a slot what was not drained in it, per nolock free. */
  readonly barrierNs: Estimate | null;
  readonly slowFreeShare: number | null;
  /** Against `none`; null where it is withheld. */
  readonly ratio: Estimate | null;
  readonly reason: string | null;
}

export interface LifetimeResult {
  readonly load: string;
  readonly share: number;
  readonly arms: readonly LifetimeArm[];
}

/** The second table. */
export function lifetimeResults(inputs: ArmInputs): LifetimeResult[] {
  const { arms } = inputs.parameters;
  return lifetimeConditions(inputs.parameters).map(({ key, share }) => ({
    load: key,
    share,
    arms: arms.map((arm) => lifetimeArm(inputs, arm, key)),
  }));
}

function lifetimeArm(inputs: ArmInputs, arm: DeferArm, key: string): LifetimeArm {
  const { table, counts, parameters } = inputs;
  const counted = counts.get(arm)?.get(key);
  const raised =
    counted === undefined || counted.frees === 0
      ? 0
      : (counted.deferred.raises / counted.frees) * parameters.irqCostNs;
  const pairNs = (n: SlotNumbers) => n.phaseNs / n.operations + raised;
  const bounded = table.isBounded(arm, key);
  const reason = reasonToWithhold(inputs, [arm, "none"], key);
  const ratios = table.zip([arm, "none"], key, (own, none) => {
    const floor = none as SlotNumbers;
    return pairNs(own as SlotNumbers) / (floor.phaseNs / floor.operations);
  });
  const estimate = (value: (numbers: SlotNumbers) => number) =>
    bounded ? ratioOf(table.zip([arm], key, value), parameters.seed) : null;
  const hasDeferred = (counted?.deferred.adds ?? 0) > 0;
  return {
    name: arm,
    bounded,
    pairNs: estimate(pairNs),
    barrierNs: hasDeferred ? estimate((n) => n.drainNs / n.nolockFrees) : null,
    slowFreeShare: counted?.slowFreeShare ?? null,
    ratio: reason === null ? ratioOf(ratios, parameters.seed) : null,
    reason,
  };
}

function ratioOf(values: readonly number[], seed: number): Estimate | null {
  return values.length === 0 ? null : estimateMedian(values, { seed });
}
