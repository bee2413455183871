/**
 * A comparison from beginning to end: count, calibrate, measure in rounds, check every heap.
 *
 * Counting comes first and apart (compare-counts.ts). Then each round runs every slot once. How
 * many phases a slot has is calibrated once on the floor and is the same for every arm, so that
 * every arm does the same number of nolock frees. An interruption ends the run between two slots;
 * what was measured until then is returned.
 */
import { createPool, type Pool } from "../cpu/pool.js";
import type { DeferArm } from "../heap/constants.js";
import type { LoadName } from "../workload/load.js";
import { burstsOf, shareOf } from "../workload/traffic.js";
import type { Clock } from "./clock.js";
import { type CompareCounts, type ConditionCounts, countBetween } from "./compare-counts.js";
import {
  type CompareParameters,
  type Condition,
  createOrder,
  lifetimeConditions,
  makePlan,
  mainConditions,
  NOLOCK_KEY,
  orderRound,
  type Plan,
} from "./compare-plan.js";
import { rolesOf, victimOf } from "./compare-roles.js";
import { judgeSlot, type SlotNumbers } from "./compare-slots.js";
import { type ArmFinding, Stage } from "./compare-stage.js";
import { SlotTable } from "./compare-table.js";

export interface CompareMeasurement {
  readonly table: SlotTable;
  readonly counts: CompareCounts;
  /** Rounds that were begun; the plan may have had more. */
  readonly rounds: number;
  readonly plan: Plan;
  /** Slots that were thrown away, of how many that were run. */
  readonly discardedSlots: number;
  readonly slots: number;
  readonly findings: readonly ArmFinding[];
  readonly hasLifetimes: boolean;
  readonly isInterrupted: boolean;
  /** Why the run is shorter than planned; null if it is not. */
  readonly cut: string | null;
}

export interface CompareEnvironment {
  readonly clock: Clock;
  readonly cores: number;
  readonly signal: AbortSignal;
  /** Called between slots. @param share how much of the run is done, 0..1 */
  onProgress(share: number, note: string): void;
}

/** Phases that are counted under each condition. */
const COUNTED_PHASES = 48;
/** Phases that a calibration measures, after as many to warm up. */
const CALIBRATION_PHASES = 300;
const WARM_UP_PHASES = 100;
/** The victim is done a little before the others at their fastest. */
const VICTIM_PART = 0.9;
/** A slot is run again so many times if it was discarded. */
const RETRIES = 2;
/** Rounds end early when they take this many times what was planned: a busy machine. */
const STRETCH_MAX = 1.6;
/** The short second table: rounds, and milliseconds of a slot. */
const LIFETIME_ROUNDS = 3;
const LIFETIME_SLOT_MS = 40;

/** Measure what `parameters` ask for. @throws JobError if a Worker fails */
export async function runCompare(
  parameters: CompareParameters,
  environment: CompareEnvironment,
): Promise<CompareMeasurement> {
  const pool = await createPool([], { cpus: parameters.cpus });
  try {
    return await new CompareRun(parameters, environment, pool).run();
  } finally {
    await pool.close();
  }
}

class CompareRun {
  readonly #parameters: CompareParameters;
  readonly #environment: CompareEnvironment;
  readonly #pool: Pool;
  readonly #table = new SlotTable();
  readonly #counts = new Map<DeferArm, Map<string, ConditionCounts>>();
  readonly #isCrowded: boolean;
  readonly #findings: ArmFinding[] = [];
  /** Phases of a slot that takes a millisecond on the floor, by load. */
  readonly #phasesPerMs = new Map<LoadName, number>();
  #victimPairs = 1;
  #slots = 0;
  #discarded = 0;
  #done = 0;
  #total = 1;
  #rounds = 0;
  #cut: string | null = null;

  constructor(parameters: CompareParameters, environment: CompareEnvironment, pool: Pool) {
    this.#parameters = parameters;
    this.#environment = environment;
    this.#pool = pool;
    this.#isCrowded = parameters.cpus > environment.cores;
  }

  async run(): Promise<CompareMeasurement> {
    const { arms, durationMs, rounds, cpus } = this.#parameters;
    const conditions = mainConditions(this.#parameters);
    const plan = makePlan(conditions, durationMs, rounds);
    const lifetimes = lifetimeConditions(this.#parameters);
    const roundSlots = conditions.length * arms.length;
    const lifetimeSlots = lifetimes.length * arms.length;
    this.#total = roundSlots * plan.rounds + lifetimeSlots * LIFETIME_ROUNDS;
    this.#total += (conditions.length + lifetimes.length) * arms.length;

    await this.#withStage("bench-stats", (stage) => this.#count(stage, conditions, lifetimes));
    let hasLifetimes = false;
    await this.#withStage("bench", async (stage) => {
      const loads = loadsOf(conditions);
      await stage.setUp(loads);
      await this.#calibrate(stage, conditions);
      await this.#measure(stage, plan);
      await stage.tearDown(loads);
      if (this.#isOver || lifetimes.length === 0 || this.#cut !== null) return;
      const short = LIFETIME_ROUNDS * LIFETIME_SLOT_MS * lifetimes.length;
      const second = makePlan(lifetimes, short, LIFETIME_ROUNDS);
      await stage.setUp(loadsOf(lifetimes));
      await this.#calibrate(stage, lifetimes);
      await this.#measure(stage, second);
      await stage.tearDown(loadsOf(lifetimes));
      hasLifetimes = true;
    });
    void cpus;
    return {
      table: this.#table,
      counts: this.#counts,
      rounds: this.#rounds,
      plan,
      discardedSlots: this.#discarded,
      slots: this.#slots,
      findings: this.#findings,
      hasLifetimes,
      isInterrupted: this.#isOver,
      cut: this.#cut,
    };
  }

  get #isOver(): boolean {
    return this.#environment.signal.aborted;
  }

  /** Open a stage, work on it, check its heaps, close it. */
  async #withStage(
    build: "bench" | "bench-stats",
    work: (stage: Stage) => Promise<void>,
  ): Promise<void> {
    if (this.#isOver) return;
    const { arms } = this.#parameters;
    const stage = await Stage.open(this.#pool, build, arms, this.#parameters);
    await work(stage);
    this.#findings.push(...stage.validate());
    await stage.close();
  }

  #progress(note: string): void {
    this.#done++;
    this.#environment.onProgress(Math.min(1, this.#done / this.#total), note);
  }
}

function loadsOf(conditions: readonly Condition[]): LoadName[] {
  return [...new Set(conditions.map(({ load }) => load))];
}
