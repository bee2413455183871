/**
 * Every call of the library in random order on every CPU, with objects that change hands.
 *
 * The shape is mstress's: each CPU keeps some objects, frees some of its own, and exchanges others
 * through shared arrays, so that about half of all frees happen on another CPU than the
 * allocation. Every object is stamped over its whole usable length and checked when it is freed.
 */
import { type Cpu, GFP_KERNEL } from "slablab";
import type { JobContext } from "slablab/internal/cpu/job.js";
import { createRandom, type Random } from "slablab/internal/workload/random.js";
import { Caches, type SharedCache } from "./mixed-caches.js";
import { createStamper, type Stamper } from "./stamp.js";

export interface MixedArgs {
  readonly seed: number;
  /** Turns of each CPU, of one to a hundred operations; it stops early if the pool does. */
  readonly turns: number;
  /** Objects that a CPU keeps for itself at most. */
  readonly kept: number;
  /** KMALLOC_SLOTS words for addresses that change hands. */
  readonly slots: SharedArrayBuffer;
  readonly caches: readonly SharedCache[];
  /** NUMA nodes of the heap. */
  readonly nodes: number;
  /** By CPU of the run: an Int32 in which each notes its operations so far. */
  readonly progress?: SharedArrayBuffer;
}

export interface MixedReport {
  readonly operations: number;
  /** Allocations that returned 0. */
  readonly failed: number;
  readonly checkedBytes: number;
}

export const KMALLOC_SLOTS = 256;
const BULK_MAX = 48;

/** One CPU's side of the load. */
export class Mixer {
  readonly #cpu: Cpu;
  readonly #random: Random;
  readonly #stamper: Stamper;
  readonly #args: MixedArgs;
  readonly #exchange: Int32Array;
  readonly #own: number[] = [];
  readonly #caches: Caches;
  readonly #lastNode: number;
  operations = 0;
  failed = 0;

  /** @param index 0..254, different on every CPU */
  constructor(cpu: Cpu, index: number, args: MixedArgs) {
    this.#lastNode = args.nodes - 1;
    this.#cpu = cpu;
    this.#args = args;
    this.#random = createRandom(args.seed, index);
    this.#stamper = createStamper(cpu, index + 1);
    this.#exchange = new Int32Array(args.slots);
    this.#caches = new Caches(cpu, this.#random, this.#stamper, args.caches);
  }

  get checkedBytes(): number {
    return this.#stamper.checkedBytes();
  }

  turn(): void {
    const kind = this.#random.uniformInt(0, 99);
    if (kind < 45) this.#keepOrFree();
    else if (kind < 80) this.#exchangeOne();
    else if (kind < 88) this.#resize();
    else if (kind < 92) this.#bulk();
    else if (kind < 93) this.#large();
    else if (kind < 98) this.operations += this.#caches.turn();
    else this.#cpu.poll();
  }

  /** Free what is this CPU's own. */
  freeOwn(): void {
    for (const object of this.#own.splice(0)) this.#free(object);
  }

  /** Free this CPU's share of what is in nobody's hands. */
  freeShare(share: number, shares: number): void {
    for (let slot = share; slot < KMALLOC_SLOTS; slot += shares) this.#free(this.#swap(slot, 0));
    this.#caches.freeShare(share, shares);
  }

  #size(): number {
    const kind = this.#random.uniformInt(0, 99);
    if (kind < 70) return this.#random.uniformInt(1, 128);
    if (kind < 95) return this.#random.uniformInt(129, 1024);
    return this.#random.uniformInt(1025, 8192);
  }

  /** @returns a stamped object, or 0. */
  #alloc(): number {
    const size = this.#size();
    const object = this.#allocSomehow(size);
    this.operations++;
    if (object === 0) this.failed++;
    else this.#stamper.stamp(object, this.#cpu.ksize(object));
    return object;
  }

  #allocSomehow(size: number): number {
    const cpu = this.#cpu;
    const kind = this.#random.uniformInt(0, 15);
    if (kind < 7) return cpu.kmalloc(size);
    if (kind < 11) return cpu.kmallocNolock(size);
    if (kind < 13) return cpu.nmi(() => cpu.kmallocNolock(size));
    if (kind < 14) return cpu.nmi(() => cpu.nmi(() => cpu.kmalloc(size)));
    if (kind < 15)
      return cpu.kmallocNode(size, GFP_KERNEL, this.#random.uniformInt(0, this.#lastNode));
    const object = cpu.kzalloc(size);
    if (object !== 0 && cpu.bytes(object, size).some((byte) => byte !== 0)) {
      throw new Error(`kzalloc(${size}) gave an object that is not zero`);
    }
    return object;
  }

  #free(object: number): void {
    if (object === 0) return;
    const cpu = this.#cpu;
    const bytes = cpu.ksize(object);
    this.#stamper.check(object, bytes);
    this.operations++;
    const kind = bytes > 8192 ? 0 : this.#random.uniformInt(0, 15);
    if (kind < 7) cpu.kfree(object);
    else if (kind < 12) cpu.kfreeNolock(object);
    else if (kind < 14) cpu.nmi(() => cpu.kfreeNolock(object));
    else if (kind < 15) cpu.nmi(() => cpu.kfree(object));
    else this.#freeInNmiWithTraffic(object);
  }

  /** An NMI that allocates and frees on its own account, too. */
  #freeInNmiWithTraffic(object: number): void {
    const cpu = this.#cpu;
    cpu.nmi(() => {
      const other = cpu.kmallocNolock(this.#random.uniformInt(1, 512));
      cpu.kfreeNolock(object);
      cpu.nmi(() => cpu.kfreeNolock(other));
    });
  }

  #takeOwn(): number {
    const { length } = this.#own;
    if (length === 0) return 0;
    const index = this.#random.uniformInt(0, length - 1);
    const object = this.#own[index] as number;
    this.#own[index] = this.#own[length - 1] as number;
    this.#own.pop();
    return object;
  }

  #keepOrFree(): void {
    if (this.#own.length < this.#args.kept && this.#random.uniformInt(0, 2) !== 0) {
      const object = this.#alloc();
      if (object !== 0) this.#own.push(object);
    } else {
      this.#free(this.#takeOwn());
    }
  }

  #swap(slot: number, object: number): number {
    return Atomics.exchange(this.#exchange, slot, object) >>> 0;
  }

  #exchangeOne(): void {
    this.#free(this.#swap(this.#random.uniformInt(0, KMALLOC_SLOTS - 1), this.#alloc()));
  }

  #resize(): void {
    const object = this.#takeOwn();
    if (object === 0) return;
    const before = this.#cpu.ksize(object);
    const size = this.#size();
    const moved = this.#cpu.krealloc(object, size);
    this.operations++;
    if (moved === 0) {
      this.failed++;
      this.#own.push(object);
      return;
    }
    const after = this.#cpu.ksize(moved);
    // Beyond what was asked for nothing is promised: a debug cache makes it red zone.
    this.#stamper.check(moved, Math.min(before, size) & ~3);
    this.#stamper.stamp(moved, after);
    this.#own.push(moved);
  }

  #bulk(): void {
    const count = this.#random.uniformInt(1, BULK_MAX);
    const objects = this.#cpu.kmallocBulk(this.#random.uniformInt(1, 512), count);
    this.operations += objects.length;
    if (objects.length === 0) this.failed++;
    // Each is asked for its size: what ksize() says of an object may be used, no more.
    for (const object of objects) this.#stamper.stamp(object, this.#cpu.ksize(object));
    const back = [...objects].map((object, index) =>
      index % 2 === 0 ? object : this.#swap(this.#random.uniformInt(0, KMALLOC_SLOTS - 1), object),
    );
    for (const object of back) {
      if (object !== 0) this.#stamper.check(object, this.#cpu.ksize(object));
    }
    this.#cpu.kfreeBulk(back);
    this.operations += back.length;
  }

  #large(): void {
    const object = this.#cpu.kmalloc(this.#random.uniformInt(8193, 200_000));
    this.operations++;
    if (object === 0) this.failed++;
    else this.#stamper.stamp(object, this.#cpu.ksize(object));
    this.#free(this.#swap(this.#random.uniformInt(0, KMALLOC_SLOTS - 1), object));
  }
}

/** The load by itself, then everything freed and drained. */
export function mixed(context: JobContext, args: MixedArgs): MixedReport {
  const { cpu, index, cpus } = context;
  const mixer = new Mixer(cpu, index, args);
  context.startLine();
  const progress = new Int32Array(args.progress ?? new SharedArrayBuffer(4 * cpus));
  for (let turn = 0; turn < args.turns && !context.isStopped(); turn++) {
    mixer.turn();
    Atomics.store(progress, index, mixer.operations);
  }
  context.startLine();
  mixer.freeOwn();
  mixer.freeShare(index, cpus);
  context.startLine();
  if (index === 0) cpu.exports.defer_free_barrier();
  context.startLine();
  const { operations, failed, checkedBytes } = mixer;
  return { operations, failed, checkedBytes };
}
