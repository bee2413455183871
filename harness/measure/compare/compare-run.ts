/**
 * A comparison from beginning to end: count, measure in rounds, check every heap.
 *
 * Counting comes first and apart from the clock (compare-counting.ts); then the rounds of the main
 * table and, unless one load was asked for, a short second table of the others. An interruption
 * ends the run between two slots, and what was measured until then is returned.
 */
import { createPool, type Pool } from "../../cpu/pool.js";
import { compileBuild } from "../../heap/load.js";
import { Rested, type RestedHeap } from "../../heap/rested.js";
import type { Clock } from "../common/clock.js";
import { countArms } from "./compare-counting.js";
import type { CompareCounts } from "./compare-counts.js";
import {
  burstConditions,
  type CompareParameters,
  type Condition,
  lifetimeConditions,
  mainConditions,
  makePlan,
  NOLOCK_KEY,
  type Plan,
} from "./compare-plan.js";
import { Rounds } from "./compare-rounds.js";
import { type ArmFinding, COUNTING_BUILD, heapBytes, Stage } from "./compare-stage.js";
import type { SlotTable } from "./compare-table.js";

export interface CompareMeasurement {
  readonly table: SlotTable;
  readonly counts: CompareCounts;
  readonly plan: Plan;
  /** Rounds of all conditions that were finished; the plan may have had more. */
  readonly rounds: number;
  /** Rounds of the headline's conditions that were finished: they come first. */
  readonly headlineRounds: number;
  /** Pieces of slots that were run, and those of them of which nothing counted. */
  readonly pieces: number;
  readonly lostPieces: number;
  /** Part of all phases that were left out, 0..1: the CPUs did not run them together. */
  readonly leftOutShare: number;
  readonly findings: readonly ArmFinding[];
  /** Rounds of the short second table that were finished; 0 without one. */
  readonly lifetimeRounds: number;
  /** Whether that table was to be there. */
  readonly hasLifetimes: boolean;
  readonly isInterrupted: boolean;
  /** Whether the machine was so busy that something was left out. */
  readonly isCut: boolean;
  /** With `keepHeap`; null: no load was set up. */
  readonly heap: RestedHeap | null;
}

/** What a run needs of the world. */
export interface CompareEnvironment {
  readonly clock: Clock;
  /** What the machine runs at once. */
  readonly cores: number;
  readonly signal: AbortSignal;
  /** Phases of a piece of a slot, for who counts work. @default as many as fit its time */
  readonly phases?: number;
  /** Keep a copy of the last arm's heap, of the build that counts, before its load ends. */
  readonly keepHeap?: boolean;
  /** Called after each slot. @param share how much of the run is done, 0..1 */
  onProgress(share: number, note: string): void;
  /** Called once, as soon as the headline can be told: what is measured until then. */
  onFirst?(measured: CompareMeasurement): void;
}

/**
 * A run may take so many times the measured time of all its arms, and so much more for the rest:
 * setup, counting, the second table. On a machine with enough idle cores it takes half of that; on
 * a busy one Workers wait for each other, and pieces are run twice.
 */
const STRETCH_MAX = 3;
const REST_MS = 40_000;

/** The short second table: rounds, and milliseconds of a slot. */
export const SHORT_ROUNDS = 3;
const SHORT_SLOT_MS = 40;

/** How long a run takes at most, in ms, before it ends with what it has. */
export function compareLimitMs(parameters: CompareParameters): number {
  const { durationMs } = makePlan(mainConditions(parameters), parameters);
  return STRETCH_MAX * parameters.arms.length * durationMs + REST_MS;
}

/** Measure what `parameters` ask for. @throws JobError if a Worker fails */
export async function runCompare(
  parameters: CompareParameters,
  environment: CompareEnvironment,
): Promise<CompareMeasurement> {
  const pool = await createPool([], { cpus: parameters.cpus });
  try {
    return await measureAll(pool, parameters, environment);
  } finally {
    await pool.close();
  }
}

async function measureAll(
  pool: Pool,
  parameters: CompareParameters,
  environment: CompareEnvironment,
): Promise<CompareMeasurement> {
  const { arms } = parameters;
  const { clock, signal } = environment;
  const conditions = mainConditions(parameters);
  const lifetimes = lifetimeConditions(parameters);
  const plan = makePlan(conditions, parameters);
  // One lifetime after the other: what another holds would decide how slabs are shared.
  const short = { durationMs: SHORT_ROUNDS * SHORT_SLOT_MS, rounds: SHORT_ROUNDS };
  const shortPlans = lifetimes.map((condition) => makePlan([condition], short));
  const endNs = clock.nowNs() + compareLimitMs(parameters) * 1e6;
  const isLate = () => clock.nowNs() > endNs;
  const isOver = () => signal.aborted || isLate();
  const step = createSteps(environment, arms.length, [plan, ...shortPlans]);
  const isKept = environment.keepHeap === true;
  const rested = isKept ? new Rested(heapBytes(parameters, parameters.percpu)) : null;
  const findings: ArmFinding[] = [];
  let counts: CompareCounts = new Map();
  const measured = (heap: RestedHeap | null): CompareMeasurement => ({
    ...sumsOf(rounds, { plan, shortPlans }),
    ...{ plan, counts, findings, heap, hasLifetimes: lifetimes.length > 0 },
    isInterrupted: signal.aborted,
    isCut: !signal.aborted && isLate(),
  });
  const onFirst = () => environment.onFirst?.(measured(null));
  const { cores, phases } = environment;
  const rounds = new Rounds(parameters, { cores, phases, isOver, step, onFirst });
  const inStage = async (isCounting: boolean, work: (stage: Stage) => Promise<void>) => {
    if (isOver()) return;
    const kept = isCounting ? rested : null;
    const stage = await Stage.open(pool, isCounting, arms, parameters, kept);
    await work(stage);
    findings.push(...stage.validate());
    await stage.close();
  };
  await inStage(true, async (stage) => {
    // Nothing but nolock frees: lists as long as they get, which stay the longest ever seen.
    const isLast = ({ key }: Condition) => key === NOLOCK_KEY;
    const first = conditions.filter((condition) => !isLast(condition));
    const single = lifetimes.map((condition) => [condition]);
    const bursts = burstConditions(parameters).map((condition) => [condition]);
    const tables = [first, ...single, ...bursts, conditions.filter(isLast)];
    counts = await countArms({ stage, parameters, isOver, step, tables });
  });
  await inStage(false, async (stage) => {
    await stage.withLoads(conditions, () => rounds.measure(stage, plan));
    for (const shortPlan of shortPlans) {
      if (isOver()) return;
      await stage.withLoads(shortPlan.conditions, () => rounds.measure(stage, shortPlan));
    }
  });
  return measured(rested?.heap(await compileBuild(COUNTING_BUILD)) ?? null);
}

/** What the rounds came to. */
function sumsOf(
  rounds: Rounds,
  { plan, shortPlans }: { readonly plan: Plan; readonly shortPlans: readonly Plan[] },
) {
  const { table, finished, headlineRounds, pieces, lostPieces, phases, keptPhases } = rounds;
  const short = shortPlans.map((each) => finished.get(each) ?? 0);
  return {
    ...{ table, headlineRounds, pieces, lostPieces },
    rounds: finished.get(plan) ?? 0,
    lifetimeRounds: short.length === 0 ? 0 : Math.min(...short),
    leftOutShare: phases === 0 ? 0 : 1 - keptPhases / phases,
  };
}

/** Progress: every slot of the plans, and one step for each condition that is counted. */
function createSteps(
  { onProgress }: CompareEnvironment,
  arms: number,
  plans: readonly Plan[],
): (note: string) => void {
  const conditions = plans.reduce((sum, plan) => sum + plan.conditions.length, 0);
  const slots = plans.reduce((sum, plan) => sum + plan.conditions.length * plan.rounds, 0);
  const total = (conditions + slots) * arms;
  let done = 0;
  return (note) => onProgress(Math.min(1, ++done / total), note);
}
