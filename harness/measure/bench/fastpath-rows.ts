/**
 * Measures the fast path against loops that are its yardsticks, and judges the budgets. Budgets
 * are reported, never asserted.
 */
import type { FastpathTask, FastpathTaskName } from "../../workload/fastpath.js";
import type { BenchRow, Budget } from "./bench-row.js";
import { type InterleavedOptions, measureInterleaved } from "./interleaved.js";
import { microRow } from "./micro-row.js";
import { estimatePairedRatio } from "../common/statistics.js";

export interface FastpathResults {
  readonly rounds: number;
  readonly operationsPerSample: number;
  readonly rows: readonly BenchRow[];
  readonly budgets: readonly Budget[];
}

/** Loops called from JavaScript: their calls alone are another loop. */
const FROM_JS: readonly FastpathTaskName[] = ["js-checked-pair", "js-raw-pair"];

/** Loops that are compared with another of this suite. */
const RATIO_TO: Partial<Record<FastpathTaskName, FastpathTaskName>> = {
  "fused-pair": "handwritten-pair",
  "js-bulk-32": "js-singles-32",
  "js-cache-bulk-32": "js-cache-singles-32",
  ...{ "sheaf-pair": "hand-pair", "sheaf-batch-16": "hand-batch-16" },
  ...{ "sheaf-churn": "hand-churn", "sheaf-larson": "hand-larson" },
  ...{ "hand-pair": "bare-pair", "hand-batch-16": "bare-batch-16" },
  ...{ "hand-churn": "bare-churn", "hand-larson": "bare-larson" },
};

export async function measureFastpath(
  tasks: readonly FastpathTask[],
  options: InterleavedOptions,
): Promise<FastpathResults> {
  const { seed } = options;
  const measured = await measureInterleaved(tasks, options);
  const { rounds, operationsPerSample, samples } = measured;
  if (rounds === 0) return { rounds, operationsPerSample, rows: [], budgets: [] };
  const rows = tasks.map(({ name, unit }) => {
    const without = FROM_JS.includes(name) ? ({ without: "js-empty-two" } as const) : {};
    const ratioTo = RATIO_TO[name];
    const ratio = ratioTo === undefined ? {} : { ratioTo };
    return microRow({ suite: "fastpath", name, unit, ...without, ...ratio }, measured, seed);
  });
  return { rounds, operationsPerSample, rows, budgets: judge(samples, seed) };
}

function judge(samples: ReadonlyMap<FastpathTaskName, readonly number[]>, seed: number): Budget[] {
  const of = (name: FastpathTaskName) => samples.get(name) ?? [];
  const fused = of("fused-pair");
  const checked = of("js-checked-pair").map((ns, round) => ns - (fused[round] ?? ns));
  return [
    budget("fused pair / hand-written loop", fused, of("handwritten-pair"), 1.3, seed),
    budget("pair of sheaves / pop and push by hand", of("sheaf-pair"), of("hand-pair"), 1.2, seed),
    budget("(JS pair - fused pair) / two empty calls", checked, of("js-empty-two"), 1.5, seed),
    budget("bulk calls / single calls", of("js-bulk-32"), of("js-singles-32"), 1, seed),
    budget(
      "bulk calls of a cache / single calls",
      of("js-cache-bulk-32"),
      of("js-cache-singles-32"),
      1,
      seed,
    ),
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
