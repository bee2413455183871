/**
 * What `slablab bench` measures, micro-benchmark or load: rows of one type.
 *
 * Values of keys that end in `Ns`, and `ns` itself, are medians over rounds with intervals. A round
 * of a micro-benchmark runs every loop once; a round of a load is a window of each variant.
 */
import type { LoadParameter } from "../../workload/loads/definition.js";
import type { Bars, Percentiles } from "../common/histogram.js";
import type { Estimate } from "../common/statistics.js";

/** One CPU of a row. */
export interface CpuRow {
  readonly cpu: number;
  /** ns of this CPU per operation; null: it did none. */
  readonly ns: Estimate | null;
  /** Million operations per second. */
  readonly mops: Estimate;
  /** Part of its time in calls that found nothing to do, 0..1. */
  readonly idleShare: number;
  /** Objects it freed that another CPU allocated, as far as the load knows. */
  readonly remoteFrees: number;
}

export interface BenchRow {
  readonly suite: string;
  /** Unlike that of every other row of its suite. */
  readonly name: string;
  /** What one operation is. */
  readonly unit: string;
  /** Of a load: fused, imports, null; of `options`: the heap's option. */
  readonly flavour: string | null;
  /** Of `options`: which of its two loads. */
  readonly load: string | null;
  readonly cpus: number;
  /** Rounds that `ns` is the median of. */
  readonly rounds: number;
  /** ns that a CPU spends per operation. */
  readonly ns: Estimate;
  /** Without what the load costs by itself; null: nothing to take off. */
  readonly netNs: Estimate | null;
  /** Median absolute deviation of the rounds, in ns per operation. */
  readonly mad: number;
  /** Million operations per second, all CPUs together. */
  readonly mops: Estimate;
  /** To the row `ratioTo` of the suite, within rounds. */
  readonly ratio: Estimate | null;
  readonly ratioTo: string | null;
  /** Throughput of a CPU, over that on `efficiencyBase` CPUs; 1: it grows as CPUs do. */
  readonly efficiency: Estimate | null;
  readonly efficiencyBase: number | null;
  /** Jain's index of the CPUs' rates, 1/cpus..1; null of one CPU. */
  readonly fairness: Estimate | null;
  /** ns per operation, of chunks. */
  readonly percentiles: Percentiles;
  readonly chunk: Chunk;
  readonly bars: Bars;
  /** HDR histogram of picoseconds per operation, compressed, base64. */
  readonly hdr: string;
  /** ns per operation of each round, in order. */
  readonly samples: readonly number[];
  /** Of loads on more than one CPU. */
  readonly perCpu: readonly CpuRow[];
}

/** What was timed at a time. */
interface Chunk {
  readonly count: number;
  /** On average. */
  readonly operations: number;
  readonly us: number;
}

export interface SuiteInfo {
  readonly name: string;
  readonly kind: "micro" | "load";
  /** What is measured, in a sentence. */
  readonly about: string;
  readonly rounds: number;
  /** Of micro-benchmarks. */
  readonly operationsPerSample: number | null;
  /** Milliseconds of a window of a load. */
  readonly windowMs: number | null;
  /** Of a load. */
  readonly parameters: readonly LoadParameter[];
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

/** Something wrong with the heap; the command then ends with status 1. */
export interface BenchFinding {
  readonly suite: string;
  /** Null: of the suite's heap as a whole. */
  readonly row: string | null;
  readonly message: string;
}

export const WARNING_KINDS = [
  ...(["load-average", "cpus", "timer", "unstable", "drift"] as const),
  ...(["optimised-away", "idle", "adjusted"] as const),
] as const;

/** Something that makes numbers doubtful: what happened and what to do. */
export interface BenchWarning {
  readonly kind: (typeof WARNING_KINDS)[number];
  readonly suite: string | null;
  readonly row: string | null;
  /** What happened. */
  readonly message: string;
  /** What it means and what to do; the same for all of a kind. */
  readonly advice: string;
}

/** What one suite found. */
export interface SuiteResults {
  readonly info: SuiteInfo;
  readonly rows: readonly BenchRow[];
  readonly budgets: readonly Budget[];
  readonly findings: readonly BenchFinding[];
  readonly warnings: readonly BenchWarning[];
}

export interface BenchResults {
  readonly suites: readonly SuiteInfo[];
  readonly rows: readonly BenchRow[];
  readonly budgets: readonly Budget[];
  readonly findings: readonly BenchFinding[];
  readonly warnings: readonly BenchWarning[];
  readonly interrupted: boolean;
}

/** What a row is called beyond its suite. */
export function rowKey({ suite, name }: Pick<BenchRow, "suite" | "name">): string {
  return `${suite}/${name}`;
}
