/**
 * Calibrates and runs the rounds of a plan.
 *
 * How many phases a slot has is calibrated on the floor, once for each load, resets included, and
 * is the same for every arm: every arm does the same number of nolock frees in a round. A piece of
 * a slot that lost many phases, because the CPUs did not run together, is run once more at once,
 * next to those it will be compared with; if that is no better, what counts of both is kept. An
 * arm that ran out of memory under a condition is not asked again.
 *
 * The headline's conditions come first, all rounds of them, so that a run that is cut short has an
 * answer; and a condition of which a round has a hole gets another round in its place.
 */
import type { DeferArm } from "../../heap/arms.js";
import type { LoadName } from "../../workload/comparison-loads.js";
import type { SlotRecord } from "../../workload/slot.js";
import {
  type CompareParameters,
  type Condition,
  createOrder,
  type Plan,
  piecesOf,
} from "./compare-plan.js";
import { rolesOf, victimOf } from "./compare-roles.js";
import { judgePiece, type Piece, type SlotRoles, sumUp } from "./compare-slots.js";
import type { SlotRequest, Stage } from "./compare-stage.js";
import { SlotTable } from "./compare-table.js";
import type { Random } from "../../workload/random.js";
import { median } from "../common/statistics.js";

/** Phases that a calibration measures, after others that make the code hot. */
const CALIBRATION_PHASES = 100;
const WARM_UP_PHASES = 20;
/** Pairs of the victim in a calibration. */
const VICTIM_PAIRS = 2000;
/** The victim is done a little before the others at their fastest. */
const VICTIM_PART = 0.9;
/** A piece of which this share of the phases counts is good. */
const GOOD = 0.8;
/** A piece that is not good is run again so many times. */
const RETRIES = 1;
/** Rounds after which the headline can be told, with an interval. */
export const FIRST_ROUNDS = 3;
/** Rounds in place of those with holes, in rounds of the plan. */
const SPARE = 1;
/** Fewest phases of a slot. */
const PHASES_MIN = 4;
/** What the rounds need to know beside the parameters. */
export interface RoundsContext {
  /** What the machine runs at once. */
  readonly cores: number;
  /** Phases of a piece of a slot. @default as many as fit its time, by the calibration */
  readonly phases?: number | undefined;
  /** Whether to stop between two pieces. */
  readonly isOver: () => boolean;
  /** Called for each slot. */
  step(note: string): void;
  /** Called once, when FIRST_ROUNDS rounds of the headline's conditions are there. */
  onFirst?(): void;
}

export class Rounds {
  readonly table = new SlotTable();
  /** Rounds of all conditions that were finished, by plan. */
  readonly finished = new Map<Plan, number>();
  /** Rounds of the headline's conditions that were finished. */
  headlineRounds = 0;
  /** Pieces that were run, and those of them of which nothing counted. */
  pieces = 0;
  lostPieces = 0;
  /** Phases that were run, and those of them that counted. */
  phases = 0;
  keptPhases = 0;
  readonly #parameters: CompareParameters;
  readonly #context: RoundsContext;
  /** From one phase to the next on the floor, in ms. */
  readonly #cycleMs = new Map<LoadName, number>();
  #victimPairs = VICTIM_PAIRS;

  constructor(parameters: CompareParameters, context: RoundsContext) {
    this.#parameters = parameters;
    this.#context = context;
  }

  /** Run all rounds of `plan`; its loads are set up. */
  async measure(stage: Stage, plan: Plan): Promise<void> {
    await this.#calibrate(stage, plan);
    const order = createOrder(this.#parameters.seed);
    const first = plan.conditions.filter(({ isHeadline }) => isHeadline);
    const others = plan.conditions.filter(({ isHeadline }) => !isHeadline);
    const headline = { plan, order, conditions: first };
    if (first.length > 0) {
      await this.#pass(stage, headline, (rounds) => {
        this.headlineRounds = rounds;
        if (rounds === Math.min(FIRST_ROUNDS, plan.rounds)) this.#context.onFirst?.();
      });
    }
    await this.#pass(stage, { plan, order, conditions: others }, (rounds) => {
      this.finished.set(plan, rounds);
    });
  }

  /** All rounds of some conditions. @param onRound told how many are finished */
  async #pass(stage: Stage, pass: Pass, onRound: (rounds: number) => void): Promise<void> {
    const { plan, order, conditions } = pass;
    const run = async (some: readonly Condition[], round: number) => {
      for (const condition of order.shuffle([...some])) {
        if (this.#context.isOver()) return;
        await this.#runSlots(stage, { plan, condition, round, order });
      }
    };
    for (let round = 0; round < plan.rounds; round++) {
      await run(conditions, round);
      if (this.#context.isOver()) return;
      onRound(round + 1);
    }
    for (let spare = 0; spare < SPARE * plan.rounds && !this.#context.isOver(); spare++) {
      const holed = conditions.filter(({ key }) => this.#wholeRounds(key) < plan.rounds);
      if (holed.length === 0) return;
      await run(holed, plan.rounds + spare);
    }
  }

  /** Rounds in which every arm that can be measured was, under one condition. */
  #wholeRounds(key: string): number {
    const arms = this.#parameters.arms.filter((arm) => this.table.isBounded(arm, key));
    return this.table.zip(arms, key, () => true).length;
  }

  /** The slots of all arms under one condition, piece by piece. */
  async #runSlots(stage: Stage, slots: Slots): Promise<void> {
    const { plan, condition, round, order } = slots;
    const { key } = condition;
    const roles = this.#rolesOf(condition, round);
    const arms = this.#parameters.arms.filter((arm) => this.table.isBounded(arm, key));
    const kept = new Map(arms.map((arm) => [arm, [] as Piece[]]));
    const pieces = piecesOf(plan, condition);
    for (let piece = 0; piece < pieces && !this.#context.isOver(); piece++) {
      const request = this.#requestFor(condition, round * pieces + piece, {
        phases: this.#phasesOf(plan, condition, pieces),
        victim: roles.victim,
      });
      for (const arm of order.shuffle([...arms])) {
        kept.get(arm)?.push(...(await this.#runPiece(stage, arm, request, roles)));
        if (piece === 0) this.#context.step(`round ${round + 1} of ${plan.rounds}: ${key}, ${arm}`);
      }
    }
    for (const [arm, list] of kept) {
      const numbers = sumUp(list, roles);
      if (numbers !== null) this.table.set(arm, key, round, numbers);
    }
  }

  /** @returns the first good piece, or what counts of all attempts */
  async #runPiece(
    stage: Stage,
    arm: DeferArm,
    request: SlotRequest,
    roles: SlotRoles,
  ): Promise<Piece[]> {
    const useful: Piece[] = [];
    for (let attempt = 0; attempt <= RETRIES; attempt++) {
      const piece = judgePiece(await stage.run(arm, request), roles);
      this.pieces++;
      this.phases += piece.ran;
      this.keptPhases += piece.kept;
      if (piece.isOutOfMemory || piece.kept >= piece.ran * GOOD) return [piece];
      if (piece.kept > 0) useful.push(piece);
      else this.lostPieces++;
      if (this.#context.isOver()) break;
    }
    return useful;
  }

  #rolesOf(condition: Condition, round: number) {
    const { cpus } = this.#parameters;
    const victim = condition.hasVictim ? victimOf(this.#parameters, round) : null;
    return rolesOf(this.#parameters, condition, victim, cpus > this.#context.cores);
  }

  #phasesOf({ slotMs }: Plan, { load, weight }: Condition, pieces: number): number {
    if (this.#context.phases !== undefined) return this.#context.phases;
    const eachMs = this.#cycleMs.get(load) ?? slotMs;
    return Math.max(PHASES_MIN, Math.ceil((slotMs * weight) / pieces / eachMs));
  }

  /** The same number has the same seed in every arm. */
  #requestFor(
    { load, share }: Condition,
    number: number,
    { phases, victim }: { phases: number; victim: number | null },
  ): SlotRequest {
    const seed = (this.#parameters.seed + Math.imul(number + 1, 0x9e37_79b1)) >>> 0;
    const pairs = this.#victimPairs;
    return { load, share, phases, seed, victim: victim === null ? null : { cpu: victim, pairs } };
  }

  /** Make the code of every arm hot, then see how long phases take on the floor. */
  async #calibrate(stage: Stage, { conditions }: Plan): Promise<void> {
    const { arms } = this.#parameters;
    const [floor] = arms;
    const long = { phases: CALIBRATION_PHASES, victim: null };
    const byLoad = new Map(conditions.map((condition) => [condition.load, condition]));
    for (const [load, condition] of byLoad) {
      if (this.#context.isOver() || floor === undefined) return;
      const request = this.#requestFor(condition, 0, { phases: WARM_UP_PHASES, victim: null });
      for (const arm of arms) await stage.run(arm, request);
      const records = await stage.run(floor, this.#requestFor(condition, 0, long));
      this.#cycleMs.set(load, cycleMs(records));
    }
    const victim = conditions.find(({ hasVictim }) => hasVictim);
    if (victim === undefined || floor === undefined) return;
    const records = await stage.run(floor, this.#requestFor(victim, 0, { ...long, victim: 0 }));
    const [watched, ...others] = records;
    if (watched === undefined) return;
    const pairMs = phaseMs([watched]) / VICTIM_PAIRS;
    this.#victimPairs = Math.max(VICTIM_PAIRS, (VICTIM_PART * phaseMs(others)) / pairMs) >>> 0;
  }
}

/** Rounds of some conditions of a plan. */
interface Pass {
  readonly plan: Plan;
  readonly conditions: readonly Condition[];
  readonly order: Random;
}

/** What the slots of one condition in one round have in common. */
interface Slots {
  readonly plan: Plan;
  readonly condition: Condition;
  readonly round: number;
  readonly order: Random;
}

/** The median time from the start of a phase to the start of the next, its reset included. */
function cycleMs([first]: readonly SlotRecord[]): number {
  if (first === undefined || first.phases < 2) return PHASES_MIN;
  const starts = Array.from(first.startsMs.subarray(0, first.phases));
  return median(starts.slice(1).map((start, phase) => start - (starts[phase] as number)));
}

/** The median time of a phase, of the CPU that takes longest. */
function phaseMs(records: readonly SlotRecord[]): number {
  const medians = records.map(({ startsMs, endsMs, phases }) => {
    const took = Array.from(endsMs.subarray(0, phases), (end, i) => end - (startsMs[i] as number));
    return median(took);
  });
  return Math.max(...medians);
}
