/**
 * Ratios between arms, paired within each round: what slows a whole round cancels.
 *
 * A ratio is withheld where the two arms did not do the same kind of work: where their shares of
 * slow frees differ by more than two points, an arm may only look faster because more of its frees
 * happened to be fast ones. So may one whose objects nobody had freed when the slot was over.
 */
import { type DeferArm, FLOOR_ARM, MERGED_ARM } from "../../heap/arms.js";
import { type ArmInputs, estimateOf, irqNs, ordinaryFreeNs } from "./compare-arm.js";
import { largestShare, NOLOCK_KEY, slopeKey, VICTIM_KEY } from "./compare-plan.js";
import type { SlotNumbers } from "./compare-slots.js";

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
const AGAINST: readonly DeferArm[] = [FLOOR_ARM, MERGED_ARM];
/** Points of slow free share that two arms may differ by. */
const SLOW_SHARE_MAX = 0.02;
/** An arm that leaves more than this part of its objects waiting has not done its work. */
const LEFT_MAX = 0.1;

/** Every ratio that this run can give. */
export function armRatios(inputs: ArmInputs): ArmRatio[] {
  const { arms } = inputs.parameters;
  return AGAINST.filter((against) => arms.includes(against)).flatMap((against) =>
    arms
      .filter((arm) => arm !== against)
      .flatMap((arm) => METRICS.flatMap((metric) => armRatio(inputs, { arm, against, metric }))),
  );
}

const METRICS: readonly RatioMetric[] = ["ordinaryFreeNs", "fastAllocNs", "nolockFreeNs"];

/** One ratio, or none if the run did not measure it. */
function armRatio(
  inputs: ArmInputs,
  which: Pick<ArmRatio, "arm" | "against" | "metric">,
): ArmRatio[] {
  const { arm, against, metric } = which;
  const key = keyOf(inputs, metric);
  const reason = reasonToWithhold(inputs, [arm, against], key);
  if (reason !== null) return [{ ...which, ratio: null, low: null, high: null, reason }];
  const value = (name: DeferArm) => metricOf(inputs, name, metric);
  const ratios = inputs.table.zip([arm, against, FLOOR_ARM], key, (own, other, none) => {
    const floor = none as SlotNumbers;
    return value(arm)(own as SlotNumbers, floor) / value(against)(other as SlotNumbers, floor);
  });
  const estimate = estimateOf(ratios, inputs.parameters);
  if (estimate === null) return [];
  const { median, low, high } = estimate;
  return [{ ...which, ratio: median, low, high, reason: null }];
}

function keyOf({ parameters }: ArmInputs, metric: RatioMetric): string {
  if (metric === "fastAllocNs") return VICTIM_KEY;
  return metric === "nolockFreeNs" ? NOLOCK_KEY : slopeKey(largestShare(parameters));
}

function metricOf(
  inputs: ArmInputs,
  arm: DeferArm,
  metric: RatioMetric,
): (own: SlotNumbers, none: SlotNumbers) => number {
  if (metric === "fastAllocNs") return ({ victimNs }) => victimNs as number;
  if (metric === "ordinaryFreeNs") {
    return ordinaryFreeNs(inputs, arm, largestShare(inputs.parameters));
  }
  const { perFree } = irqNs(inputs, arm, NOLOCK_KEY);
  return ({ phaseNs, operations }) => phaseNs / operations + perFree;
}

/** Why two arms cannot be compared under a condition; null if they can. */
export function reasonToWithhold(
  { table, counts }: ArmInputs,
  arms: readonly DeferArm[],
  key: string,
): string | null {
  const unbounded = arms.find((arm) => !table.isBounded(arm, key));
  if (unbounded !== undefined) return `${unbounded} ran out of memory`;
  for (const arm of arms) {
    const { leftShare = 0 } = counts.get(arm)?.get(key) ?? {};
    if (leftShare > LEFT_MAX) {
      return `${arm} left ${(leftShare * 100).toFixed(0)} % of its deferred objects undrained`;
    }
  }
  const shares = arms.flatMap((arm) => counts.get(arm)?.get(key)?.slowFreeShare ?? []);
  const apart = Math.max(...shares) - Math.min(...shares);
  if (shares.length < 2 || apart <= SLOW_SHARE_MAX) return null;
  const points = shares.map((share) => `${(share * 100).toFixed(1)} %`).join(" and ");
  return `their shares of slow frees are too different: ${points}`;
}
