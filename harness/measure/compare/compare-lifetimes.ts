/**
 * The second table: what a free and its allocation cost where objects live as in programs.
 *
 * Lifetimes swing more than the arms differ: these numbers show whether an arm falls apart, not
 * which of two good ones is better. There is no barrier between phases here, so an arm that nobody
 * drains piles up until the end of the slot, or until memory is out.
 */
import { type DeferArm, FLOOR_ARM } from "../../heap/arms.js";
import { type ArmInputs, estimateOf, irqNs } from "./compare-arm.js";
import { lifetimeConditions } from "./compare-plan.js";
import { reasonToWithhold } from "./compare-ratios.js";
import type { SlotNumbers } from "./compare-slots.js";
import type { Estimate } from "../common/statistics.js";

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
  const raised = irqNs(inputs, arm, key).perFree;
  const pairNs = (n: SlotNumbers) => n.phaseNs / n.operations + raised;
  const bounded = table.isBounded(arm, key);
  const reason = reasonToWithhold(inputs, [arm, FLOOR_ARM], key);
  const ratios = table.zip([arm, FLOOR_ARM], key, (own, none) => {
    const floor = none as SlotNumbers;
    return pairNs(own as SlotNumbers) / (floor.phaseNs / floor.operations);
  });
  const estimate = (value: (numbers: SlotNumbers) => number) =>
    bounded ? estimateOf(table.zip([arm], key, value), parameters) : null;
  const hasDeferred = (counted?.deferred.adds ?? 0) > 0;
  return {
    name: arm,
    bounded,
    pairNs: estimate(pairNs),
    barrierNs: hasDeferred ? estimate((n) => n.drainNs / n.system.nolockFrees) : null,
    slowFreeShare: counted?.slowFreeShare ?? null,
    ratio: reason === null ? estimateOf(ratios, parameters) : null,
    reason,
  };
}
