/**
 * Measures tasks against each other: all of them in every round, in a new order each time.
 *
 * A sample is one call that runs tens of thousands of operations, so the timer's grain is far
 * below it; tinybench takes the samples and is told the time per operation. Whoever compares two
 * tasks divides within a round and takes the interval over rounds, so a machine that changes its
 * speed between rounds changes nothing.
 */
import { Bench } from "tinybench";
import type { Clock } from "../common/clock.js";
import { createRandom } from "../../workload/random.js";
import { median } from "../common/statistics.js";

export interface InterleavedOptions {
  /** Measured time of the whole run in milliseconds. */
  readonly durationMs: number;
  readonly seed: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each round with the share that is done, 0..1. */
  readonly onProgress?: (share: number) => void;
}

export interface Task<Name extends string = string> {
  readonly name: Name;
  /** Runs `operations` of them. @throws Error if the loop ended early */
  run(operations: number): void;
}

export interface Interleaved<Name extends string> {
  readonly rounds: number;
  readonly operationsPerSample: number;
  /** By task and round: nanoseconds per operation. Empty lists if there was no round. */
  readonly samples: ReadonlyMap<Name, readonly number[]>;
  /** By task: nanoseconds per operation of every single sample. */
  readonly chunks: ReadonlyMap<Name, readonly number[]>;
}

/** Time of one sample: long against a timer's grain, short against a time slice. */
const SAMPLE_MS = 2;
/** Samples of a task in a round; their median is the round's figure. */
const SAMPLES_PER_ROUND = 5;
const MIN_ROUNDS = 5;
const PROBE_OPERATIONS = 20_000;
const NS_PER_MS = 1e6;

/** Between two rounds the event loop turns, so that Ctrl-C is heard. */
export async function measureInterleaved<Name extends string>(
  tasks: readonly Task<Name>[],
  options: InterleavedOptions,
): Promise<Interleaved<Name>> {
  const { durationMs, seed, clock, signal } = options;
  const operationsPerSample = calibrate(tasks, clock);
  const random = createRandom(seed);
  const samples = new Map<Name, number[]>(tasks.map(({ name }) => [name, []]));
  const chunks = new Map<Name, number[]>(tasks.map(({ name }) => [name, []]));
  const startNs = clock.nowNs();
  let rounds = 0;
  while (true) {
    await turn();
    if (signal.aborted) break;
    const doneShare = (clock.nowNs() - startNs) / (durationMs * NS_PER_MS);
    if (rounds >= MIN_ROUNDS && doneShare >= 1) break;
    options.onProgress?.(Math.min(doneShare, 1));
    for (const task of random.shuffle([...tasks])) {
      const taken = sampleTask(task, operationsPerSample, clock);
      samples.get(task.name)?.push(median(taken));
      chunks.get(task.name)?.push(...taken);
    }
    rounds++;
  }
  return { rounds, operationsPerSample, samples, chunks };
}

/** Let the event loop turn once: a signal is delivered there. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Warms every task up and @returns operations of a sample of the slowest one. */
function calibrate(tasks: readonly Task[], clock: Clock): number {
  let slowestNs = 1;
  for (const task of tasks) {
    for (let warmUp = 0; warmUp < 5; warmUp++) task.run(PROBE_OPERATIONS);
    const startNs = clock.nowNs();
    task.run(PROBE_OPERATIONS);
    slowestNs = Math.max(slowestNs, (clock.nowNs() - startNs) / PROBE_OPERATIONS);
  }
  return Math.max(Math.ceil((SAMPLE_MS * NS_PER_MS) / slowestNs), PROBE_OPERATIONS);
}

/** @returns a few samples, nanoseconds per operation. */
function sampleTask(task: Task, operations: number, clock: Clock): number[] {
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
  const samplesMs = result.latency.samples ?? [result.latency.p50];
  return samplesMs.map((ms) => ms * NS_PER_MS);
}
