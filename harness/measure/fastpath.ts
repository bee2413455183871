/**
 * Measures the fast path: all tasks in every round, in a new order each time.
 *
 * A sample is one call that runs tens of thousands of operations, so the timer's grain is far
 * below it; tinybench takes the samples and is told the time per operation. Ratios are taken
 * within a round and their interval is over rounds, so a machine that changes its speed between
 * rounds changes nothing. Budgets are reported, never asserted.
 */
import { Bench } from "tinybench";
import type { FastpathTask, FastpathTaskName } from "../workload/fastpath.js";
import type { Clock } from "./clock.js";
import { createRandom } from "./random.js";
import { type Estimate, estimateMedian, estimatePairedRatio, median } from "./statistics.js";

export interface FastpathOptions {
  /** Measured time of the whole run in milliseconds. */
  readonly durationMs: number;
  readonly seed: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each round with the share that is done, 0..1. */
  readonly onProgress?: (share: number) => void;
}

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

/** Time of one sample: long against a timer's grain, short against a time slice. */
const SAMPLE_MS = 2;
/** Samples of a task in a round; their median is the round's figure. */
const SAMPLES_PER_ROUND = 5;
const MIN_ROUNDS = 5;
const PROBE_OPERATIONS = 20_000;
const NS_PER_MS = 1e6;

export function measureFastpath(
  tasks: readonly FastpathTask[],
  options: FastpathOptions,
): FastpathResults {
  const { durationMs, seed, clock, signal } = options;
  const operations = calibrate(tasks, clock);
  const random = createRandom(seed);
  const samples = new Map<FastpathTaskName, number[]>(tasks.map(({ name }) => [name, []]));
  const startNs = clock.nowNs();
  let rounds = 0;
  while (!signal.aborted) {
    const doneShare = (clock.nowNs() - startNs) / (durationMs * NS_PER_MS);
    if (rounds >= MIN_ROUNDS && doneShare >= 1) break;
    options.onProgress?.(Math.min(doneShare, 1));
    for (const task of random.shuffle([...tasks])) {
      samples.get(task.name)?.push(sampleTask(task, operations, clock));
    }
    rounds++;
  }
  if (rounds === 0) return { rounds, operationsPerSample: operations, rows: [], budgets: [] };
  const rows = tasks.map(({ name, unit }) => {
    return { name, unit, ns: estimateMedian(samples.get(name) ?? [], { seed }) };
  });
  return { rounds, operationsPerSample: operations, rows, budgets: judge(samples, seed) };
}

/** Warms every task up and @returns operations of a sample of the slowest one. */
function calibrate(tasks: readonly FastpathTask[], clock: Clock): number {
  let slowestNs = 1;
  for (const task of tasks) {
    for (let warmUp = 0; warmUp < 5; warmUp++) task.run(PROBE_OPERATIONS);
    const startNs = clock.nowNs();
    task.run(PROBE_OPERATIONS);
    slowestNs = Math.max(slowestNs, (clock.nowNs() - startNs) / PROBE_OPERATIONS);
  }
  return Math.max(Math.ceil((SAMPLE_MS * NS_PER_MS) / slowestNs), PROBE_OPERATIONS);
}

/** @returns the median of a few samples, nanoseconds per operation. */
function sampleTask(task: FastpathTask, operations: number, clock: Clock): number {
  const bench = new Bench({
    iterations: SAMPLES_PER_ROUND,
    time: 0,
    warmup: false,
    retainSamples: true,
  });
  bench.add(task.name, () => {
    const startNs = clock.nowNs();
    task.run(operations);
    // In milliseconds, as tinybench keeps time: of one operation, not of the loop.
    return { overriddenDuration: (clock.nowNs() - startNs) / operations / NS_PER_MS };
  });
  bench.runSync();
  const result = bench.tasks[0]?.result;
  if (result?.state !== "completed") {
    throw result?.state === "errored" ? result.error : new Error(`${task.name}: not completed`);
  }
  return median(result.latency.samples ?? [result.latency.p50]) * NS_PER_MS;
}

function judge(samples: ReadonlyMap<FastpathTaskName, number[]>, seed: number): Budget[] {
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
