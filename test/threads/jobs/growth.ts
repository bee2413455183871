/** Loads that make the memory grow, or see it grow, or find that it cannot. */
import type { JobContext } from "slablab/internal/cpu/job.js";
import { createRandom } from "slablab/internal/workload/random.js";

export interface GrowthArgs {
  readonly seed: number;
  /** Words for addresses that change hands the moment they are given out. */
  readonly slots: SharedArrayBuffer;
}

export interface GrowthReport {
  readonly objects: number;
  /** Times this CPU saw the memory longer than before. */
  readonly growths: number;
}

/**
 * Allocate until nothing is left, and hand each object to whoever comes by, which writes all of it
 * through a view made at that moment: objects that lie in memory a few microseconds old.
 */
export function growTogether(context: JobContext, args: GrowthArgs): GrowthReport {
  const { cpu, heap, index, cpus } = context;
  const random = createRandom(args.seed, index);
  const exchange = new Int32Array(args.slots);
  const memory = heap.handle.memory;
  const mine: number[] = [];
  let growths = 0;
  let seenBytes = memory.buffer.byteLength;
  const take = (slot: number, object: number) => {
    const other = Atomics.exchange(exchange, slot, object) >>> 0;
    if (other === 0) return;
    cpu.view(other, Uint32Array, cpu.ksize(other) / 4).fill(index + 1);
    mine.push(other);
  };
  context.startLine();
  for (;;) {
    // kzalloc() clears inside the wasm, which has to know of the growth as well.
    const size = random.uniformInt(1, 40_000);
    const object = random.uniformInt(0, 1) === 0 ? cpu.kmalloc(size) : cpu.kzalloc(size);
    if (object === 0) break;
    take(random.uniformInt(0, exchange.length - 1), object);
    if (memory.buffer.byteLength > seenBytes) growths++;
    seenBytes = memory.buffer.byteLength;
  }
  context.startLine();
  for (let slot = index; slot < exchange.length; slot += cpus) take(slot, 0);
  for (const object of mine) checkFilled(context, object, index + 1);
  context.startLine();
  for (const object of mine) cpu.kfree(object);
  return { objects: mine.length, growths };
}

function checkFilled({ cpu }: JobContext, object: number, value: number): void {
  const words = cpu.view(object, Uint32Array, cpu.ksize(object) / 4);
  for (let i = 0; i < words.length; i++) {
    if (words[i] === value) continue;
    const where = `word ${i} of 0x${object.toString(16)}`;
    throw new Error(`${where}: expected ${value}, got ${words[i]}: somebody else owns it`);
  }
}

export interface ExhaustArgs {
  readonly seed: number;
  readonly rounds: number;
  /** Largest size asked for, in bytes. */
  readonly largest: number;
}

/**
 * Take everything, together, several times over; give it all back in between.
 *
 * @returns objects this CPU got in each round
 */
export function exhaust(context: JobContext, args: ExhaustArgs): number[] {
  const { cpu, index, startLine } = context;
  const random = createRandom(args.seed, index);
  const counts: number[] = [];
  for (let round = 0; round < args.rounds; round++) {
    const mine: number[] = [];
    startLine();
    // Until even the smallest is refused: then there is no page left for anybody.
    for (let size = args.largest; size >= 8; ) {
      const object = round % 2 === 0 ? cpu.kmalloc(size) : cpu.kzalloc(size);
      if (object === 0) size = Math.floor(size / 2);
      else mine.push(object);
    }
    counts.push(mine.length);
    startLine();
    random.shuffle(mine);
    for (const object of mine) {
      const isNolock = random.uniformInt(0, 3) === 0 && cpu.ksize(object) <= 8192;
      if (isNolock) cpu.kfreeNolock(object);
      else cpu.kfree(object);
    }
    startLine();
    if (index === 0) cpu.exports.defer_free_barrier();
  }
  return counts;
}

export interface ChurnArgs {
  readonly seed: number;
  /** Bytes of an object. */
  readonly size: number;
  /** Objects that it keeps at most. */
  readonly live: number;
}

/** Allocate and free blocks without a pause until the pool is stopped. @returns allocations */
export function churn(context: JobContext, { seed, size, live }: ChurnArgs): number {
  const { cpu } = context;
  const random = createRandom(seed, context.index);
  const mine: number[] = [];
  let done = 0;
  context.startLine();
  while (!context.isStopped()) {
    const object = cpu.kmalloc(size);
    if (object !== 0) mine.push(object);
    done++;
    if (mine.length <= live) continue;
    const from = random.uniformInt(0, live >> 1);
    for (const each of mine.splice(from, live >> 1)) cpu.kfree(each);
  }
  for (const object of mine) cpu.kfree(object);
  return done;
}
