/**
 * The part of the mixed load that uses caches: objects go back to the cache they came from, on
 * whatever CPU, and constructed ones stay constructed.
 */
import type { Cpu, KmemCache } from "slablab";
import type { Random } from "slablab/internal/workload/random.js";
import type { Stamper } from "./stamp.js";

/** A cache that exists, and what its objects change hands through. */
export interface SharedCache {
  readonly name: string;
  readonly size: number;
  /** Whether it was made with a constructor: then objects carry CONSTRUCTED at both ends. */
  readonly isConstructed: boolean;
  /** CACHE_SLOTS words for addresses. */
  readonly slots: SharedArrayBuffer;
}

export const CACHE_SLOTS = 64;

/** What a constructed object holds, in its first and its last word, whenever it is free. */
const CONSTRUCTED = 0x5eed_c0de;

interface Open {
  readonly cache: KmemCache;
  readonly exchange: Int32Array;
  readonly isConstructed: boolean;
}

/** One CPU's side of it. */
export class Caches {
  readonly #cpu: Cpu;
  readonly #random: Random;
  readonly #stamper: Stamper;
  readonly #all: readonly Open[];

  constructor(cpu: Cpu, random: Random, stamper: Stamper, caches: readonly SharedCache[]) {
    this.#cpu = cpu;
    this.#random = random;
    this.#stamper = stamper;
    this.#all = caches.map(({ name, size, isConstructed, slots }) => {
      const ctor = (object: number) => setEnds(cpu, object, size);
      const cache = cpu.kmemCacheOpen(name, isConstructed ? { ctor } : {});
      return { cache, exchange: new Int32Array(slots), isConstructed };
    });
  }

  /** An object of every cache changes hands. @returns operations */
  turn(): number {
    let operations = 0;
    for (const open of this.#all) {
      const object = this.#alloc(open);
      if (object !== 0) operations++;
      const slot = this.#random.uniformInt(0, CACHE_SLOTS - 1);
      operations += this.#free(open, Atomics.exchange(open.exchange, slot, object) >>> 0);
      if (this.#random.uniformInt(0, 199) === 0) open.cache.shrink();
    }
    return operations;
  }

  /** Free this CPU's share of what is in nobody's hands. */
  freeShare(share: number, shares: number): void {
    for (const open of this.#all) {
      for (let slot = share; slot < CACHE_SLOTS; slot += shares) {
        this.#free(open, Atomics.exchange(open.exchange, slot, 0) >>> 0);
      }
    }
  }

  #alloc({ cache, isConstructed }: Open): number {
    const object = this.#random.uniformInt(0, 3) === 0 ? cache.allocNolock() : cache.alloc();
    if (object === 0) return 0;
    if (isConstructed) checkEnds(this.#cpu, object, cache.size);
    else this.#stamper.stamp(object, cache.size);
    return object;
  }

  #free({ cache, isConstructed }: Open, object: number): number {
    if (object === 0) return 0;
    if (isConstructed) checkEnds(this.#cpu, object, cache.size);
    else this.#stamper.check(object, cache.size);
    if (this.#random.uniformInt(0, 1) === 0) cache.free(object);
    else cache.freeNolock(object);
    return 1;
  }
}

/** What makes an object of a constructed cache. */
export function setEnds(cpu: Cpu, object: number, size: number): void {
  const words = cpu.view(object, Uint32Array, size / 4);
  words[0] = CONSTRUCTED;
  words[words.length - 1] = CONSTRUCTED;
}

function checkEnds(cpu: Cpu, object: number, size: number): void {
  const words = cpu.view(object, Uint32Array, size / 4);
  if (words[0] === CONSTRUCTED && words[words.length - 1] === CONSTRUCTED) return;
  throw new Error(`constructed object 0x${object.toString(16)} came as ${words[0]?.toString(16)}`);
}
