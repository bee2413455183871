/** What makes measured numbers doubtful: each warning says what happened and what to do. */
import type { BenchRow, BenchWarning } from "./bench-row.js";
import { mannWhitney } from "../common/mann-whitney.js";
import { median } from "../common/statistics.js";

export interface Machine {
  readonly cores: number;
  /** At the start; null where unknown. */
  readonly loadAverage: number | null;
  readonly timerResolutionNs: number;
}

/** Part of the cores that may be busy with something else. */
const BUSY_SHARE = 0.5;
/** A chunk of so many steps of the clock is known to 5 percent. */
const STEPS_MIN = 20;
/** MAD over median from which on rounds are called unstable. */
const UNSTABLE = 0.1;
/** Two halves differ if their medians do by this much, and not by chance. */
const DRIFT = 0.05;
const DRIFT_P = 0.01;
const DRIFT_ROUNDS_MIN = 10;
/** No loop that does something is faster than a cycle of 4 GHz. */
const CYCLE_NS = 0.25;
/** Idle part of a CPU's time from which on its figures are those of waiting. */
const IDLE_SHARE = 0.1;

/** Of the machine, before anything is measured. */
export function machineWarnings(
  { cores, loadAverage }: Machine,
  cpuCounts: readonly number[],
): BenchWarning[] {
  const warnings: BenchWarning[] = [];
  const most = Math.max(1, ...cpuCounts);
  const about = { suite: null, row: null } as const;
  if (loadAverage !== null && loadAverage > BUSY_SHARE * cores) {
    const load = loadAverage.toFixed(2);
    const message = `the load average was ${load} on ${cores} cores before anything was measured`;
    const advice = "end other programs, wait a minute and measure again";
    warnings.push({ kind: "load-average", ...about, message, advice });
  }
  if (most > cores) {
    const message = `${most} CPUs share ${cores} cores`;
    const advice =
      `they take turns, so times on more CPUs than cores are those of the scheduler; ` +
      `try --cpus ${cores}`;
    warnings.push({ kind: "cpus", ...about, message, advice });
  }
  return warnings;
}

/** Of a row. */
export function rowWarnings(
  row: BenchRow,
  { timerResolutionNs }: Pick<Machine, "timerResolutionNs">,
): BenchWarning[] {
  const found = [
    timer(row, timerResolutionNs),
    unstable(row),
    drift(row),
    optimisedAway(row),
    ...idle(row),
  ];
  const { suite, name } = row;
  return found.flatMap((each) => (each === null ? [] : [{ ...each, suite, row: name }]));
}

type Found = Pick<BenchWarning, "kind" | "message" | "advice">;

function timer({ chunk }: BenchRow, resolutionNs: number): Found | null {
  const steps = (chunk.us * 1000) / resolutionNs;
  if (steps >= STEPS_MIN) return null;
  const us = chunk.us.toPrecision(3);
  const message = `a chunk takes ${us} us, ${steps.toPrecision(2)} steps of this clock`;
  const advice = "the percentiles are those of the clock: use a runtime with a finer one";
  return { kind: "timer", message, advice };
}

function unstable({ ns, mad }: BenchRow): Found | null {
  const share = mad / ns.median;
  if (share <= UNSTABLE) return null;
  const message = `rounds differ by ${percent(share)} (MAD over median)`;
  const advice =
    "something else runs on this machine, or its clock changes: end other programs, or measure " +
    "longer with --duration";
  return { kind: "unstable", message, advice };
}

function drift({ samples }: BenchRow): Found | null {
  if (samples.length < DRIFT_ROUNDS_MIN) return null;
  const middle = samples.length >> 1;
  const [first, second] = [samples.slice(0, middle), samples.slice(middle)];
  const change = median(second) / median(first) - 1;
  if (Math.abs(change) <= DRIFT || mannWhitney(first, second).p >= DRIFT_P) return null;
  const word = change > 0 ? "slower" : "faster";
  const message = `the second half of the rounds is ${percent(Math.abs(change))} ${word}`;
  const advice = "the machine warmed up, or something began or ended: measure again";
  return { kind: "drift", message, advice };
}

function optimisedAway({ ns, netNs, flavour }: BenchRow): Found | null {
  const advice =
    "the loop may have been optimised away, or is too short to be told from noise: do not " +
    "compare it";
  const kind = "optimised-away";
  if (netNs !== null && netNs.low <= 0) {
    return { kind, message: "takes no longer than the same loop without a heap", advice };
  }
  if (ns.median >= CYCLE_NS || flavour === "null") return null;
  return { kind, message: `${ns.median.toPrecision(2)} ns are less than a cycle`, advice };
}

function idle({ perCpu, flavour }: BenchRow): Found[] {
  if (flavour === "null") return [];
  const advice =
    "it is faster than what feeds it, and its ns hold the waiting: look at the other CPUs and at " +
    "the total";
  return perCpu
    .filter(({ idleShare }) => idleShare > IDLE_SHARE)
    .map(({ cpu, idleShare }) => {
      const message = `CPU ${cpu} found nothing to do for ${percent(idleShare)} of its time`;
      return { kind: "idle", message, advice };
    });
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
