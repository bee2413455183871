/**
 * Tight loops on the raw exports: nothing between two calls but a stamp, so that real races happen.
 *
 * Sizes are few and slabs small, and addresses change hands through a handful of words, so that two
 * CPUs free into one slab, thaw it, empty it and discard it within nanoseconds of each other.
 */
import type { RawExports } from "slablab";
import type { JobContext } from "slablab/internal/cpu/job.js";
import { createRandom, type Random } from "slablab/internal/workload/random.js";

export interface RawArgs {
  readonly seed: number;
  /** Chunks of CHUNK turns that each CPU does. */
  readonly chunks: number;
  /** Bytes of objects, multiples of 8: each turn takes one of them. */
  readonly sizes: readonly number[];
  /** Words for the addresses that change hands. */
  readonly slots: SharedArrayBuffer;
  /** Of 16 frees so many are nolock frees in an NMI, and as many outside. */
  readonly nolock: number;
}

export interface RawReport {
  readonly operations: number;
  readonly failed: number;
}

/** Turns between two looks at whether to stop. */
const CHUNK = 4000;
/** Addresses a CPU holds back before it passes them on: makes slabs full now and then. */
const HELD = 64;

class Racer {
  readonly #exports: RawExports;
  readonly #random: Random;
  readonly #args: RawArgs;
  readonly #exchange: Int32Array;
  readonly #held: number[] = [];
  readonly #owner: number;
  #memory: Uint32Array;
  readonly #buffer: () => ArrayBufferLike;
  #serial = 0;
  operations = 0;
  failed = 0;

  constructor({ cpu, heap, index }: JobContext, args: RawArgs) {
    this.#exports = cpu.exports;
    this.#random = createRandom(args.seed, index);
    this.#args = args;
    this.#exchange = new Int32Array(args.slots);
    this.#owner = index + 1;
    this.#buffer = () => heap.handle.memory.buffer;
    this.#memory = new Uint32Array(this.#buffer());
  }

  chunk(): void {
    const { sizes, nolock } = this.#args;
    const slots = this.#exchange.length;
    for (let turn = 0; turn < CHUNK; turn++) {
      const bits = this.#random.uint32();
      const object = this.#alloc(sizes[(bits >>> 8) % sizes.length] as number, bits & 15);
      this.#held.push(object);
      const passed =
        this.#held.length < HELD || bits >>> 31 === 0 ? this.#held.pop() : this.#held.shift();
      const other = Atomics.exchange(this.#exchange, (bits >>> 16) % slots, passed as number);
      this.#free(other >>> 0, (bits >>> 4) & 15, nolock);
      if (this.#held.length < HELD && (bits & 0x100000) !== 0) this.#held.push(this.#alloc(64, 0));
      this.operations += 2;
    }
  }

  finish(share: number, shares: number): void {
    for (const object of this.#held.splice(0)) this.#free(object, 0, 0);
    for (let slot = share; slot < this.#exchange.length; slot += shares) {
      this.#free(Atomics.exchange(this.#exchange, slot, 0) >>> 0, 0, 0);
    }
  }

  #alloc(bytes: number, kind: number): number {
    const raw = this.#exports;
    let object = 0;
    if (kind < 10) object = raw.kmalloc(bytes, 0);
    else if (kind < 13) object = raw.kmalloc_nolock(bytes, 0, -1);
    else {
      raw.nmi_enter();
      object = raw.kmalloc_nolock(bytes, 0, -1);
      raw.nmi_exit();
    }
    object >>>= 0;
    if (object === 0) this.failed++;
    else this.#stamp(object, bytes);
    return object;
  }

  /** Word 0 is the size and a serial, every other word follows from it and from the address. */
  #stamp(object: number, bytes: number): void {
    if (object + bytes > this.#memory.byteLength) this.#memory = new Uint32Array(this.#buffer());
    const at = object >>> 2;
    this.#serial = (this.#serial + 1) & 0xfff;
    const first = ((this.#owner << 28) | (this.#serial << 16) | bytes) >>> 0;
    const memory = this.#memory;
    for (let i = (bytes >>> 2) - 1; i > 0; i--) memory[at + i] = first ^ (object + i);
    memory[at] = first;
  }

  #free(object: number, kind: number, nolock: number): void {
    if (object === 0) return;
    this.#check(object);
    const raw = this.#exports;
    if (kind < nolock) raw.kfree_nolock(object);
    else if (kind < 2 * nolock) {
      raw.nmi_enter();
      raw.kfree_nolock(object);
      raw.nmi_exit();
    } else raw.kfree(object);
  }

  #check(object: number): void {
    if (object >= this.#memory.byteLength) this.#memory = new Uint32Array(this.#buffer());
    const memory = this.#memory;
    const at = object >>> 2;
    const first = memory[at] as number;
    const bytes = first & 0xffff;
    if (!this.#args.sizes.includes(bytes) && bytes !== 64) throwBroken(object, 0, first);
    for (let i = (bytes >>> 2) - 1; i > 0; i--) {
      if (memory[at + i] !== (first ^ (object + i)) >>> 0) throwBroken(object, i, memory[at + i]);
    }
    memory[at] = 0;
  }
}

function throwBroken(object: number, index: number, found = 0): never {
  const hex = (value: number) => `0x${value.toString(16)}`;
  throw new Error(`stamp of ${hex(object)} is broken: word ${index} is ${hex(found)}`);
}

/** Race, then free everything. */
export function race(context: JobContext, args: RawArgs): RawReport {
  const racer = new Racer(context, args);
  context.startLine();
  for (let chunk = 0; chunk < args.chunks && !context.isStopped(); chunk++) racer.chunk();
  context.startLine();
  racer.finish(context.index, context.cpus);
  context.startLine();
  if (context.index === 0) context.cpu.exports.defer_free_barrier();
  context.startLine();
  return { operations: racer.operations, failed: racer.failed };
}
