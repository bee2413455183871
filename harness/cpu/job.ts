/**
 * Jobs: what a Worker that is a CPU is asked to do, and what it is given to do it with.
 *
 * A job is an exported function of a module. All CPUs of a run call it at the same time, each with
 * a context of its own; what they return is collected in order of index.
 */
import type { Cpu } from "../heap/cpu.js";
import type { Heap } from "../heap/heap.js";
import type { JobRef, RunCommand } from "./protocol.js";
import { StartLine } from "./start-line.js";

/** A heap as this Worker has joined it. */
export interface Seat {
  readonly heap: Heap;
  /** The number this Worker is pinned to on that heap. */
  readonly number: number;
  /** This Worker as a CPU of the heap; another object after each `rejoin()`. */
  cpu: Cpu;
}

export interface JobContext {
  /** The run's heap. @throws Error in a run without one */
  readonly heap: Heap;
  /** This Worker as a CPU of that heap. @throws Error in a run without one */
  readonly cpu: Cpu;
  /** This CPU's place in the run, 0..cpus-1. */
  readonly index: number;
  /** CPUs in the run. */
  readonly cpus: number;
  /** Wait until every CPU of the run is here; each has to come equally often. */
  startLine(): void;
  /** Whether the pool was asked to stop: jobs without an end of their own look now and then. */
  isStopped(): boolean;
  /** Milliseconds of a monotonic clock, finer than one; only differences within a CPU count. */
  now(): number;
  /**
   * Be a CPU of the run's heap once more, with the same number: after `cpu.offline()`.
   * @throws RangeError if somebody took the number meanwhile
   */
  rejoin(): Cpu;
}

export type Job<Args = never, Result = unknown> = (
  context: JobContext,
  args: Args,
) => Result | Promise<Result>;

/** Run what a command asks for. @throws whatever the job throws */
export async function runJob(command: RunCommand, seat: Seat | null): Promise<unknown> {
  const line = new StartLine(command.words, command.cpus);
  try {
    const job = await loadJob(command.job);
    return await job(makeContext(command, seat, line), command.args as never);
  } finally {
    line.leave();
  }
}

async function loadJob({ module, name }: JobRef): Promise<Job> {
  const exports: Record<string, unknown> = await import(/* @vite-ignore */ module);
  const job = exports[name];
  if (typeof job === "function") return job as Job;
  const names = Object.keys(exports).join(", ") || "nothing";
  throw new TypeError(
    `job: expected ${module} to export a function ${name}, got exports: ${names}; ` +
      "check { module, name }",
  );
}

function makeContext(command: RunCommand, seat: Seat | null, line: StartLine): JobContext {
  const seated = (): Seat => {
    if (seat !== null) return seat;
    throw new Error(
      `job ${command.job.name}: expected a run with a heap, got one without; ` +
        "pass the pool a heap, or pool.run(job, { heap })",
    );
  };
  return {
    get heap() {
      return seated().heap;
    },
    get cpu() {
      return seated().cpu;
    },
    index: command.index,
    cpus: command.cpus,
    startLine: () => line.pass(),
    isStopped: () => line.isStopped,
    now: () => performance.now(),
    rejoin: () => {
      const { heap, number } = seated();
      const cpu = heap.cpu(number);
      seated().cpu = cpu;
      return cpu;
    },
  };
}
