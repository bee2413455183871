/**
 * What each of the two Workers of a race does.
 *
 * A round, in which the CPUs take turns being first: the first allocates X; the second frees X
 * while the first allocates Y, from the very slabs that X is freed to; both free half of Y. Each
 * object carries a number while it is somebody's.
 */
import type { JobContext } from "../cpu/job.js";
import { attachHeap, type Heap, type HeapHandle } from "../heap/heap.js";
import { describeFindings } from "../workload/verify/finding.js";

export interface RaceArgs {
  readonly heap: HeapHandle;
  readonly sizeBytes: number;
  /** Whether half of the frees are nolock calls. */
  readonly nolock: boolean;
  readonly rounds: number;
  /** Words: see ARRIVED, TURN, FAILED, X, Y. */
  readonly shared: SharedArrayBuffer;
}

const BATCH = 120;
const ARRIVED = 0;
const TURN = 1;
/** 1 once a CPU gave up: the other does not wait for it. */
const FAILED = 2;
const X = 16;
const Y = X + BATCH;
/** Looks at the other CPU before this one goes to sleep: it may not be on a core. */
const SPINS = 20_000;

/** @throws Error with what is wrong. @returns objects that this CPU freed */
export async function raceJob(context: JobContext, args: RaceArgs): Promise<number> {
  const heap = await attachHeap(args.heap);
  const racer = new Racer(heap, context.index, args);
  context.startLine();
  try {
    for (let round = 0; round < args.rounds; round++) racer.round(round);
    racer.end();
  } catch (error) {
    racer.giveUp();
    throw error;
  }
  return racer.freed;
}

class Racer {
  freed = 0;
  readonly #heap: Heap;
  readonly #index: number;
  readonly #args: RaceArgs;
  readonly #shared: Int32Array;
  readonly #cpu: ReturnType<Heap["cpu"]>;

  constructor(heap: Heap, index: number, args: RaceArgs) {
    this.#heap = heap;
    this.#index = index;
    this.#args = args;
    this.#shared = new Int32Array(args.shared);
    this.#cpu = heap.cpu(index);
  }

  round(round: number): void {
    const isFirst = round % 2 === this.#index;
    if (isFirst) this.#allocate(X, round);
    this.#meet();
    if (isFirst) this.#allocate(Y, round);
    else for (let i = 0; i < BATCH; i++) this.#free(X + i, round);
    this.#meet();
    for (let i = isFirst ? 0 : 1; i < BATCH; i += 2) this.#free(Y + i, round);
    this.#meet();
  }

  /** Nothing is anybody's now: no slab may stay, and no law may be broken. */
  end(): void {
    this.#cpu.exports.defer_free_barrier();
    this.#meet();
    if (this.#index === 1) this.#cpu.offline();
    this.#meet();
    if (this.#index === 1) return;
    this.#cpu.exports.defer_free_barrier();
    this.#cpu.offline();
    const last = this.#heap.cpu(0);
    const { sizeBytes } = this.#args;
    const word = sizeBytes < 1024 ? sizeBytes : `${sizeBytes / 1024}k`;
    const name = `kmalloc-${word}`;
    // Empty slabs that the node keeps are no loss; objects in use are.
    const row = this.#heap.slabinfo().find((each) => each.name === name);
    if (row === undefined) throw new Error(`expected a cache called ${name}, got none`);
    if (row.active_objs !== 0) {
      throw new Error(`leak: expected no object of ${name} in use, got ${row.active_objs}`);
    }
    const broken = describeFindings(this.#heap.validate());
    if (broken !== null) throw new Error(`validate: ${broken}`);
    last.offline();
  }

  /** Let the other CPU go. */
  giveUp(): void {
    Atomics.store(this.#shared, FAILED, 1);
    Atomics.add(this.#shared, TURN, 1);
    Atomics.notify(this.#shared, TURN);
  }

  #allocate(at: number, round: number): void {
    const { exports } = this.#cpu;
    for (let i = 0; i < BATCH; i++) {
      const object = exports.kmalloc(this.#args.sizeBytes, 0) >>> 0;
      if (object === 0) throw new Error("leak: expected memory for a few objects, got none");
      // Fresh, because the memory may have grown for this very object.
      const words = new Int32Array(this.#heap.handle.memory.buffer);
      Atomics.store(words, object >>> 2, numberOf(at + i, round));
      this.#shared[at + i] = object;
    }
  }

  #free(at: number, round: number): void {
    const { exports } = this.#cpu;
    const object = (this.#shared[at] as number) >>> 0;
    const words = new Int32Array(this.#heap.handle.memory.buffer);
    const seen = Atomics.exchange(words, object >>> 2, 0);
    if (seen !== numberOf(at, round)) {
      const where = `0x${object.toString(16)}`;
      throw new Error(`stamp: expected ${numberOf(at, round)} at ${where}, got ${seen}`);
    }
    // The rest are what drains the lists of the arms that wait for ordinary frees.
    if (this.#args.nolock && (at & 2) !== 0) exports.kfree_nolock(object);
    else exports.kfree(object);
    this.freed++;
  }

  /** Wait for the other CPU. */
  #meet(): void {
    const shared = this.#shared;
    const turn = Atomics.load(shared, TURN);
    if (Atomics.add(shared, ARRIVED, 1) === 1) {
      Atomics.store(shared, ARRIVED, 0);
      Atomics.add(shared, TURN, 1);
      Atomics.notify(shared, TURN);
    } else {
      for (let i = 0; i < SPINS && Atomics.load(shared, TURN) === turn; i++);
      while (Atomics.load(shared, TURN) === turn) Atomics.wait(shared, TURN, turn, 1000);
    }
    if (Atomics.load(shared, FAILED) !== 0) throw new Error("the other CPU gave up");
  }
}

/** What an object carries: which it is, never 0. */
function numberOf(at: number, round: number): number {
  return (round + 1) * 256 + at;
}
