/**
 * A pool: Workers that are CPUs, each with a number it keeps, that run jobs all at once.
 *
 * One pool serves any number of heaps in turn: Worker w is CPU `firstCpu + w` of each. A job starts
 * on all CPUs of a run, meets the others at start lines, and its results are collected in order.
 *
 * Laws: a run always settles. If one CPU throws or its Worker ends, the others are released from
 * their start lines, are given time to come back, and the run rejects with what went wrong first.
 * A pool in which a Worker has ended refuses further runs until `revive()`, and so does a Worker
 * that is still in one. While anything is asked of a Worker the process stays alive; an idle pool
 * does not keep it alive.
 */
import type { Heap, HeapHandle } from "../heap/heap.js";
import type { ReapReport } from "../heap/reap.js";
import { JobError } from "./job-error.js";
import type { ThreadOptions } from "./platform.js";
import type { JobRef } from "./protocol.js";
import { collect } from "./collect.js";
import { StartLine } from "./start-line.js";
import { WorkerCpu } from "./worker-cpu.js";

/** A heap by itself or by what another thread needs of it. */
export type PoolHeap = Pick<Heap, "handle"> | HeapHandle;

export interface PoolOptions {
  /** Workers, 1..256. More than the machine has cores is allowed, and slow. */
  readonly cpus: number;
  /**
   * CPU number of the first Worker on every heap: Worker w becomes CPU firstCpu + w.
   * @default 0
   */
  readonly firstCpu?: number;
  /** Closes the pool when it is aborted, by Ctrl-C for example. */
  readonly signal?: AbortSignal;
  /** Node only: the bound of each Worker's own JavaScript heap, in MiB. */
  readonly maxOldSpaceMib?: number;
  /**
   * Milliseconds that jobs have to come to their ends after `close()`; then Workers are ended.
   * @default 500
   */
  readonly closeGraceMs?: number;
}

export interface RunOptions<Args> {
  /** Given to each CPU's job; structured-cloneable. */
  readonly args?: Args;
  /** Given to the job of one CPU: instead of `args`. @param index the CPU's place in the run */
  readonly argsOf?: (index: number) => Args;
  /**
   * The heap of `context.heap`, as `attach()` returned it; null: none.
   * @default the heap attached last, if any is
   */
  readonly heap?: number | null;
  /**
   * Which Workers, by number; the others idle.
   * @default all
   */
  readonly on?: readonly number[];
  /**
   * Reject if not all are done after so many milliseconds.
   * @default none: a job may take any time
   */
  readonly timeoutMs?: number;
}

const CLOSE_GRACE_MS = 500;

const POOL_CLOSED = "expected an open pool, got one that was closed; make another";
/** What became of the pool when it accepts nothing more. */
const CLOSED = "because the pool was closed";

export class Pool {
  /** Workers in the pool. */
  readonly cpus: number;
  readonly #workers: WorkerCpu[];
  readonly #options: PoolOptions;
  readonly #firstCpu: number;
  readonly #heaps = new Map<number, HeapHandle>();
  readonly #lines = new Set<StartLine>();
  #heapCount = 0;
  #closing: Promise<void> | null = null;

  /** Made by `createPool()`. */
  constructor(options: PoolOptions) {
    this.cpus = options.cpus;
    this.#options = options;
    this.#firstCpu = options.firstCpu ?? 0;
    this.#workers = Array.from(
      { length: options.cpus },
      (_, number) => new WorkerCpu(number, threadOptions(number, options)),
    );
  }

  /**
   * Make every Worker a CPU of one more heap.
   *
   * @returns the pool's number for it, to name it by in `run()` and `detach()`
   * @throws JobError if a CPU number is taken or too large; then no Worker has joined
   */
  async attach(heap: PoolHeap): Promise<number> {
    this.#checkOpen();
    const id = this.#heapCount++;
    const handle = "handle" in heap ? heap.handle : heap;
    const orders = this.#workers.map((worker) => {
      const cpu = this.#firstCpu + worker.number;
      return worker.order({ type: "attach", heap: id, handle, cpu }, "attach");
    });
    const joined = await Promise.allSettled(orders);
    const failure = joined.find((each) => each.status === "rejected");
    if (failure !== undefined) {
      await Promise.allSettled(this.#orderAll({ type: "detach", heap: id }, "detach"));
      throw failure.reason;
    }
    this.#heaps.set(id, handle);
    return id;
  }

  /**
   * Start a Worker in the place of each that ended, reap the CPUs that it was, and be those again.
   * The others may go on with their jobs. Each heap needs a number that is free for the moment, or
   * `heap.reap()` before this, on a thread that is a CPU of it.
   *
   * A Worker that ended while it recovered others as one of the dead cannot be told from a thread
   * that is slow, of this pool or not: who knows calls `heap.reaperDied(cpu)` before this.
   *
   * @returns what they left on each heap, all in one report; none where the numbers were free
   * @throws JobError if a CPU could not be reaped; the Worker in its place has ended then
   */
  async revive(): Promise<ReapReport[]> {
    if (this.#closing !== null) throw new JobError(null, POOL_CLOSED);
    const reports: ReapReport[] = [];
    const ended = this.#workers.filter(({ death }) => death !== null);
    // Only then is it sure that its thread makes no further access.
    for (const { number } of ended) await this.terminate(number);
    // They are reaped together: one may have a lock that the recovery of another needs.
    const dead = ended.map(({ number }) => this.#firstCpu + number);
    for (const { number } of ended) {
      const worker = new WorkerCpu(number, threadOptions(number, this.#options));
      const cpu = this.#firstCpu + number;
      try {
        for (const [heap, handle] of this.#heaps) {
          const order = { type: "attach", heap, handle, cpu, dead } as const;
          const report = await worker.order(order, "revive");
          if (report !== null) reports.push(report as ReapReport);
        }
      } catch (error) {
        await worker.terminate("because the CPU before it could not be reaped");
        throw error;
      }
      this.#workers[number] = worker;
      dead.splice(dead.indexOf(cpu), 1);
    }
    return reports;
  }

  /**
   * End one Worker wherever it is, in the middle of a call too: its run rejects, and the CPUs that
   * it was stay taken until `revive()`.
   */
  async terminate(worker: number): Promise<void> {
    const [chosen] = this.#find([worker]);
    await chosen?.terminate("because it was terminated");
  }

  /** Take every Worker offline on a heap and let go of its memory. */
  async detach(heap: number): Promise<void> {
    this.#checkOpen();
    this.#heaps.delete(heap);
    await Promise.all(this.#orderAll({ type: "detach", heap }, "detach"));
  }

  /**
   * Run a job on all CPUs, or on some; runs on different CPUs may go on at the same time.
   *
   * @returns what the job returned on each CPU, in order of index
   * @throws JobError if it throws on one, a Worker ends, or time is up
   */
  async run<Result = unknown, Args = unknown>(
    ref: JobRef,
    options: RunOptions<Args> = {},
  ): Promise<Result[]> {
    this.#checkOpen();
    const workers = this.#select(options.on);
    const { job, heap, cpus, args } = this.#plan(ref, workers.length, options);
    const words = StartLine.makeWords();
    const line = new StartLine(words, cpus);
    const what = `job ${job.name}`;
    this.#lines.add(line);
    try {
      const answers = workers.map((worker, index) =>
        worker.order({ type: "run", job, heap, index, cpus, words, args: args[index] }, what),
      );
      const results = await collect(answers, { line, what, timeoutMs: options.timeoutMs ?? null });
      return results as Result[];
    } catch (error) {
      if (this.#closing === null) throw error;
      throw new JobError(null, `${what}: ended ${CLOSED}`);
    } finally {
      this.#lines.delete(line);
    }
  }

  /** Ask the running jobs to come to an end: `context.isStopped()` is true from now on. */
  stop(): void {
    for (const line of this.#lines) line.stop();
  }

  /**
   * End the pool. Jobs in progress are asked to stop; Workers go offline on every heap if they can,
   * and are ended if they do not answer, so that their runs reject. Closing twice is closing once.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const line of this.#lines) line.abort();
    await Promise.all(this.#workers.map((worker) => this.#end(worker)));
  }

  /** Ask a Worker to end, then end it. */
  async #end(worker: WorkerCpu): Promise<void> {
    const asked = worker.order({ type: "close" }, "close").catch(() => undefined);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, this.#options.closeGraceMs ?? CLOSE_GRACE_MS);
    });
    await Promise.race([asked, late]);
    clearTimeout(timer);
    await worker.terminate(CLOSED);
  }

  #orderAll(order: { type: "detach"; heap: number }, what: string): Promise<unknown>[] {
    return this.#workers.map((worker) => worker.order(order, what));
  }

  /** Everything about a run that may throw, before any Worker hears of it. */
  #plan<Args>(ref: JobRef, cpus: number, options: RunOptions<Args>) {
    const { args, argsOf, heap = [...this.#heaps.keys()].at(-1) ?? null } = options;
    const job = { module: ref.module, name: ref.name };
    const each = Array.from({ length: cpus }, (_, index) => argsOf?.(index) ?? args);
    return { job, heap, cpus, args: each };
  }

  #find(on: readonly number[]): WorkerCpu[] {
    return on.map((number) => {
      const worker = this.#workers[number];
      if (worker !== undefined) return worker;
      throw new RangeError(
        `options.on: expected numbers of Workers in 0..${this.cpus - 1}, got ${number}; ` +
          "leave it out for all of them",
      );
    });
  }

  #select(on: readonly number[] | undefined): WorkerCpu[] {
    const workers = this.#find(on ?? [...this.#workers.keys()]);
    const busy = workers.find(({ task }) => task !== null);
    if (busy === undefined) return workers;
    throw new JobError(
      busy.number,
      `expected idle Workers, got CPU ${busy.number} in the middle of ${busy.task}; ` +
        "wait for that, or close() the pool if it is stuck",
    );
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new JobError(null, POOL_CLOSED);
    const dead = this.#workers.find((worker) => worker.death !== null);
    if (dead === undefined) return;
    throw new JobError(
      dead.number,
      `expected a pool whose Workers all live, got CPU ${dead.number}, whose Worker ended ` +
        `${dead.death}; revive() it, or close() the pool and make another`,
    );
  }
}

function threadOptions(number: number, { maxOldSpaceMib }: PoolOptions): ThreadOptions {
  const name = `cpu ${number}`;
  return maxOldSpaceMib === undefined ? { name } : { name, maxOldSpaceMib };
}

/**
 * Start Workers and make them CPUs of `heaps`.
 *
 * @param heaps one heap, several, or none: an empty array; the pool numbers them from 0
 * @throws RangeError for a bad number of CPUs; JobError if a CPU number is taken on a heap
 */
export async function createPool(
  heaps: PoolHeap | readonly PoolHeap[],
  options: PoolOptions,
): Promise<Pool> {
  checkOptions(options);
  const pool = new Pool(options);
  try {
    for (const heap of Array.isArray(heaps) ? heaps : [heaps]) await pool.attach(heap);
  } catch (error) {
    await pool.close();
    throw error;
  }
  closeOnAbort(pool, options.signal);
  return pool;
}

const CPUS_MAX = 256;

function checkOptions({ cpus, firstCpu = 0, signal }: PoolOptions): void {
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > CPUS_MAX) {
    throw new RangeError(
      `options.cpus: expected an integer in 1..${CPUS_MAX}, got ${cpus}; try heap.options.cpus`,
    );
  }
  if (!Number.isInteger(firstCpu) || firstCpu < 0 || firstCpu + cpus > CPUS_MAX) {
    throw new RangeError(
      `options.firstCpu: expected an integer in 0..${CPUS_MAX - cpus}, got ${firstCpu}; ` +
        "leave it out",
    );
  }
  signal?.throwIfAborted();
}

function closeOnAbort(pool: Pool, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) void pool.close();
  else signal?.addEventListener("abort", () => void pool.close(), { once: true });
}
