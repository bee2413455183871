/** The `results` of a comparison: everything that its JSON document and its tables show. */
import type { ArmFinding } from "./compare-stage.js";
import { type ArmInputs, type ArmResult, armResult } from "./compare-arm.js";
import { type LifetimeResult, lifetimeResults } from "./compare-lifetimes.js";
import { type CompareParameters, SLOT_MS } from "./compare-plan.js";
import { type ArmRatio, armRatios } from "./compare-ratios.js";
import { type CompareMeasurement, SHORT_ROUNDS } from "./compare-run.js";
import { type SheafResults, sheafResults } from "./compare-sheaves.js";
import { type ArmVerdict, answer, armVerdicts, breakEvenRaiseNs } from "./compare-verdicts.js";

export interface CompareResults {
  readonly arms: readonly ArmResult[];
  readonly ratios: readonly ArmRatio[];
  readonly verdicts: readonly ArmVerdict[];
  /** The question of the thread answered in words; empty if the arms for it were left out. */
  readonly answer: string;
  /** The second table; empty if one load was asked for. */
  readonly loads: readonly LifetimeResult[];
  /** The price of a raise from which on the merged arm loses to its rival, in ns. */
  readonly breakEvenRaise: number | null;
  /** Whether the question matters with sheaves; null in a run on cpu slabs. */
  readonly sheaves: SheafResults | null;
  /** Rounds that were finished, and measured milliseconds of one slot. */
  readonly rounds: number;
  readonly slotMs: number;
  /** The same of what the answer is made of, which is measured first. */
  readonly headlineRounds: number;
  /** Pieces of slots of which nothing counted: the CPUs never ran together. */
  readonly discardedRounds: number;
  /** Pieces that were run, those included. */
  readonly pieces: number;
  /** Part of all phases that were left out because the CPUs did not run together, 0..1. */
  readonly leftOutShare: number;
  readonly interrupted: boolean;
  /** Invariants that a heap broke; empty: every heap was sound after the run. */
  readonly findings: readonly ArmFinding[];
  /** What a reader of the numbers has to know about this run. */
  readonly notes: readonly string[];
}

/** Put the results of a measurement together. @param cores what the machine runs at once */
export function compareResults(
  parameters: CompareParameters,
  measured: CompareMeasurement,
  cores: number,
): CompareResults {
  const inputs: ArmInputs = { parameters, table: measured.table, counts: measured.counts };
  const arms = parameters.arms.map((arm) => armResult(inputs, arm));
  const ratios = armRatios(inputs);
  const verdictInputs = { ...inputs, arms, ratios };
  return {
    arms,
    ratios,
    verdicts: armVerdicts(verdictInputs),
    answer: answer(verdictInputs),
    loads: measured.lifetimeRounds > 0 ? lifetimeResults(inputs) : [],
    breakEvenRaise: breakEvenRaiseNs(verdictInputs),
    sheaves: sheafResults(verdictInputs),
    rounds: measured.rounds,
    slotMs: measured.plan.slotMs,
    headlineRounds: measured.headlineRounds,
    discardedRounds: measured.lostPieces,
    pieces: measured.pieces,
    leftOutShare: measured.leftOutShare,
    interrupted: measured.isInterrupted,
    findings: measured.findings,
    notes: notesOn(parameters, measured, cores),
  };
}

/** Whether not one arm has a time: nothing can be said but why. */
export function isEmpty({ arms }: Pick<CompareResults, "arms">): boolean {
  return arms.every(({ bounded, ordinaryFreeNs }) => bounded && ordinaryFreeNs === null);
}

/** A run that lost more than this share of its phases was made on a busy machine. */
const LEFT_OUT_NOTABLE = 0.1;

function notesOn(
  { cpus }: CompareParameters,
  measured: CompareMeasurement,
  cores: number,
): string[] {
  const { plan, rounds, headlineRounds, leftOutShare, isCut, isInterrupted } = measured;
  const { hasLifetimes, lifetimeRounds } = measured;
  const notes: string[] = [];
  if (cpus > cores) {
    notes.push(
      `${cpus} CPUs on ${cores} ${cores === 1 ? "core" : "cores"}: they take turns, so times ` +
        "include waiting for a core, and no phase could be judged by its overlap.",
    );
  }
  if (plan.slotMs < SLOT_MS - 1) {
    notes.push(
      `Slots of ${plan.slotMs.toFixed(0)} ms instead of ${SLOT_MS}: the intervals are wide; ` +
        "raise --duration for narrow ones.",
    );
  }
  if (leftOutShare > LEFT_OUT_NOTABLE) {
    notes.push(
      `a busy machine: ${(leftOutShare * 100).toFixed(0)} % of the phases were left out, because ` +
        "a core went to somebody else meanwhile. What counts was run by all CPUs at once; the " +
        "intervals are as wide as it makes them. End other programs for narrower ones.",
    );
  }
  if (isCut || isInterrupted) {
    const why = isInterrupted ? "interrupted" : "the machine was too busy to measure all in time";
    const second = hasLifetimes ? `, and ${lifetimeRounds} of the ${SHORT_ROUNDS} short ones` : "";
    const first =
      rounds === headlineRounds
        ? `${rounds} of ${plan.rounds} rounds`
        : `${headlineRounds} of ${plan.rounds} rounds of the smallest and the largest share, ` +
          `${rounds} of the rest`;
    notes.push(`${first}${second}: ${why}.`);
  }
  return notes;
}
