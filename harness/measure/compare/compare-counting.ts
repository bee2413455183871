/**
 * Runs the counting pass: every arm, every condition, the same number of phases (compare-counts.ts
 * says what is counted and why apart from the clock).
 */
import type { DeferArm } from "../../heap/arms.js";
import { type ConditionCounts, countBetween } from "./compare-counts.js";
import { ALLOC_KEY, type CompareParameters, type Condition, VICTIM_KEY } from "./compare-plan.js";
import type { Stage } from "./compare-stage.js";

export interface CountingPass {
  readonly stage: Stage;
  readonly parameters: CompareParameters;
  /** Whether to stop between two runs. */
  readonly isOver: () => boolean;
  /** The conditions of each table; a table's loads are set up together, and burst alike. */
  readonly tables: readonly (readonly Condition[])[];
  step(note: string): void;
}

/** Phases that are counted under each condition. */
const COUNTED_PHASES = 24;

/** Count. @returns by arm and by key of the condition; incomplete if interrupted */
export async function countArms(
  pass: CountingPass,
): Promise<Map<DeferArm, Map<string, ConditionCounts>>> {
  const { stage, parameters } = pass;
  const counts = new Map(parameters.arms.map((arm) => [arm, new Map<string, ConditionCounts>()]));
  for (const conditions of pass.tables) {
    if (conditions.length === 0) continue;
    const work = async () => {
      for (const [arm, byKey] of counts) await countArm(pass, arm, conditions, byKey);
    };
    await stage.withLoads(conditions, work, conditions[0]?.burst);
  }
  return counts;
}

async function countArm(
  { stage, parameters, isOver, step }: CountingPass,
  arm: DeferArm,
  conditions: readonly Condition[],
  byKey: Map<string, ConditionCounts>,
): Promise<void> {
  const heap = stage.heap(arm);
  // The largest share first: the longest list and the greatest age so far are its own then.
  const bySize = [...conditions].sort((a, b) => b.share - a.share);
  for (const condition of bySize) {
    if (isOver()) return;
    step(`counting ${arm}`);
    if (condition.key === VICTIM_KEY || condition.key === ALLOC_KEY) continue;
    const before = heap.stats();
    const { load, share } = condition;
    const request = { load, share, phases: COUNTED_PHASES, seed: parameters.seed, victim: null };
    const records = await stage.run(arm, { ...request, isLeftUndrained: true });
    const after = heap.stats();
    await stage.run(arm, { ...request, phases: 0 });
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    byKey.set(condition.key, {
      ...countBetween(before, after),
      phases: Math.min(...records.map(({ phases }) => phases)),
      frees: sum(records.map(({ operations, phases }) => operations * phases)),
      nolockFrees: sum(records.map(({ nolockFrees }) => nolockFrees)),
    });
  }
}
