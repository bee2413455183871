/** Caches and CPUs that come and go while others work. */
import type { Cpu, KmemCache } from "slablab";
import type { JobContext } from "slablab/internal/cpu/job.js";
import { createRandom, type Random } from "slablab/internal/workload/random.js";

export interface HoldArgs {
  readonly cache: string;
  /** Objects to leave alive: their addresses are returned. */
  readonly kept: number;
}

/**
 * Use a cache so that this CPU holds all that a CPU can hold of it, and then do nothing more: a
 * cpu slab, percpu partial slabs, and objects (or slabs) on the deferred list of the arm.
 */
export function holdAndIdle({ cpu }: JobContext, { cache: name, kept }: HoldArgs): number[] {
  const cache = cpu.kmemCacheOpen(name);
  const objects = Array.from({ length: 400 }, () => cache.alloc());
  // Every slab keeps some objects: they go to the percpu partial list when the others are freed.
  const [early, late] = [
    objects.filter((_, i) => i % 4 !== 0),
    objects.filter((_, i) => i % 4 === 0),
  ];
  for (const object of early) cache.free(object);
  const live = late.splice(0, kept);
  // No safe point follows: what is deferred now stays where it is.
  for (const object of late) cache.freeNolock(object);
  return live;
}

export interface ChurnArgs {
  readonly seed: number;
  readonly rounds: number;
  /** Words for addresses that change hands. */
  readonly slots: SharedArrayBuffer;
}

/** Random traffic whose objects change hands. */
class Churn {
  readonly #random: Random;
  readonly #exchange: Int32Array;
  operations = 0;

  constructor(random: Random, slots: SharedArrayBuffer) {
    this.#random = random;
    this.#exchange = new Int32Array(slots);
  }

  turns(cpu: Cpu, count: number): void {
    for (let turn = 0; turn < count; turn++) {
      const size = this.#random.uniformInt(1, 2048);
      const object = turn % 3 === 0 ? cpu.kmallocNolock(size) : cpu.kmalloc(size);
      const slot = this.#random.uniformInt(0, this.#exchange.length - 1);
      // What is freed inside a section waits at least until it ends.
      if (turn % 16 === 0) cpu.rcuReadLock();
      this.#free(cpu, Atomics.exchange(this.#exchange, slot, object) >>> 0);
      if (turn % 16 === 0) cpu.rcuReadUnlock();
      this.operations += 2;
    }
  }

  drain(cpu: Cpu): void {
    for (let slot = 0; slot < this.#exchange.length; slot++) {
      this.#free(cpu, Atomics.exchange(this.#exchange, slot, 0) >>> 0);
    }
  }

  #free(cpu: Cpu, object: number): void {
    const kind = this.#random.uniformInt(0, 4);
    if (kind === 0) cpu.kfreeNolock(object);
    else if (kind === 1) cpu.nmi(() => cpu.kfreeNolock(object));
    else if (kind === 2) cpu.kfreeRcu(object);
    else cpu.kfree(object);
  }
}

/** Go offline and come back under load, again and again. @returns operations */
export function comeAndGo(context: JobContext, { seed, rounds, slots }: ChurnArgs): number {
  const random = createRandom(seed, context.index);
  const churn = new Churn(random, slots);
  let { cpu } = context;
  context.startLine();
  for (let round = 0; round < rounds; round++) {
    churn.turns(cpu, random.uniformInt(1, 300));
    cpu.offline();
    cpu = context.rejoin();
  }
  context.startLine();
  if (context.index === 0) churn.drain(cpu);
  return churn.operations;
}

/**
 * CPU 0 makes caches, lets the others use them and destroys them; the others go on with traffic of
 * their own meanwhile, and some go offline in the very moment of the destruction.
 *
 * @returns caches that were destroyed, seen from CPU 0
 */
export function makeAndDestroy(context: JobContext, { seed, rounds, slots }: ChurnArgs): number {
  const { index, startLine } = context;
  const random = createRandom(seed, index);
  const churn = new Churn(random, slots);
  let { cpu } = context;
  for (let round = 0; round < rounds; round++) {
    const name = `brief-${round}`;
    // SLAB_TYPESAFE_BY_RCU, every third: its pages may have to wait when it is destroyed.
    const flags = round % 3 === 0 ? 0x8 : 0;
    const size = 40 + (round % 9) * 100;
    const made = index === 0 ? cpu.kmemCacheCreate({ name, size, flags }) : null;
    startLine();
    const cache = made ?? cpu.kmemCacheOpen(name);
    useAndLeave(cpu, cache, random);
    startLine();
    // From here on nobody calls the cache any more but the one who destroys it.
    if (made !== null) destroyOrThrow(made, random);
    else if (random.uniformInt(0, 1) === 0) churn.turns(cpu, random.uniformInt(1, 60));
    else {
      spin(random);
      cpu.offline();
      cpu = context.rejoin();
    }
    startLine();
  }
  if (index === 0) churn.drain(cpu);
  return index === 0 ? rounds : 0;
}

/**
 * Leaves a cpu slab, partial slabs, deferred objects and such as wait for a grace period behind,
 * and no live object: the last frees are all nolock, so that the first safe point that follows
 * drains them.
 */
function useAndLeave(cpu: Cpu, cache: KmemCache, random: Random): void {
  const objects = random.shuffle(Array.from({ length: 240 }, () => cache.alloc()));
  for (const [index, object] of objects.entries()) {
    if (index > 120) cache.freeNolock(object);
    else if (index % 8 === 0) cpu.kfreeRcu(object);
    else cache.free(object);
  }
}

function destroyOrThrow(cache: KmemCache, random: Random): void {
  spin(random);
  const { released, remaining } = cache.destroy();
  if (!released) throw new Error(`${cache.name}: expected no live object, got ${remaining}`);
}

/** A moment of random length, up to some microseconds: where two things meet is chance. */
function spin(random: Random): void {
  for (let left = random.uniformInt(0, 400); left > 0; left--) random.uint32();
}
