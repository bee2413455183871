/**
 * Measures the fast path against loops that are its yardsticks, and judges the budgets. Budgets
 * are reported, never asserted.
 */
import type { FastpathTask, FastpathTaskName } from "../workload/fastpath.js";
import { type InterleavedOptions, measureInterleaved } from "./interleaved.js";
import { type Estimate, estimateMedian, estimatePairedRatio } from "./statistics.js";

export interface FastpathRow {
  readonly name: FastpathTaskName;
  readonly unit: string;
  /** Nanoseconds per operation. */
  readonly ns: Estimate;
}

export interface Budget {
  readonly name: string;
  /** The measured ratio. */
  readonly ratio: Estimate;
  /** At most this. */
  readonly limit: number;
  /** "missed" only when the whole interval lies above the limit. */
  readonly verdict: "met" | "missed" | "undecided";
}

export interface FastpathResults {
  readonly rounds: number;
  readonly operationsPerSample: number;
  readonly rows: readonly FastpathRow[];
  readonly budgets: readonly Budget[];
}

export function measureFastpath(
  tasks: readonly FastpathTask[],
  options: InterleavedOptions,
): FastpathResults {
  const { seed } = options;
  const { rounds, operationsPerSample, samples } = measureInterleaved(tasks, options);
  if (rounds === 0) return { rounds, operationsPerSample, rows: [], budgets: [] };
  const rows = tasks.map(({ name, unit }) => {
    return { name, unit, ns: estimateMedian(samples.get(name) ?? [], { seed }) };
  });
  return { rounds, operationsPerSample, rows, budgets: judge(samples, seed) };
}

function judge(samples: ReadonlyMap<FastpathTaskName, readonly number[]>, seed: number): Budget[] {
  const of = (name: FastpathTaskName) => samples.get(name) ?? [];
  const fused = of("fused-pair");
  const checked = of("js-checked-pair").map((ns, round) => ns - (fused[round] ?? ns));
  return [
    budget("fused pair / hand-written loop", fused, of("handwritten-pair"), 1.3, seed),
    budget("(JS pair - fused pair) / two empty calls", checked, of("js-empty-two"), 1.5, seed),
  ];
}

function budget(
  name: string,
  numerators: readonly number[],
  denominators: readonly number[],
  limit: number,
  seed: number,
): Budget {
  const ratio = estimatePairedRatio(numerators, denominators, { seed });
  const isMet = ratio.high <= limit;
  return {
    name,
    ratio,
    limit,
    verdict: isMet ? "met" : ratio.low > limit ? "missed" : "undecided",
  };
}
