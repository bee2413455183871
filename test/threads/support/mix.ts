/** What the mixed load needs beside a heap: caches, and words that objects change hands through. */
import type { Cpu, KmemCache } from "slablab";
import { KMALLOC_SLOTS, type MixedArgs } from "../jobs/mixed.js";
import { CACHE_SLOTS, type SharedCache, setEnds } from "../jobs/mixed-caches.js";

export interface Mix {
  readonly args: MixedArgs;
  readonly caches: readonly KmemCache[];
}

/** Objects that a CPU keeps for itself at most. */
const KEPT = 300;

/** @param turns of each CPU @param nodes of the heap */
export function makeMix(cpu: Cpu, seed: number, turns: number, nodes = 1): Mix {
  const shared = [
    describeCache("odd", 44, false),
    describeCache("constructed", 200, true),
    // One object a slab: full and empty with every call.
    describeCache("huge", 20_000, false),
  ];
  const caches = shared.map(({ name, size, isConstructed }) => {
    const ctor = (object: number) => setEnds(cpu, object, size);
    return cpu.kmemCacheCreate({ name, size, ...(isConstructed ? { ctor } : {}) });
  });
  const slots = words(KMALLOC_SLOTS);
  return { args: { seed, turns, kept: KEPT, slots, caches: shared, nodes }, caches };
}

function describeCache(name: string, size: number, isConstructed: boolean): SharedCache {
  return { name, size, isConstructed, slots: words(CACHE_SLOTS) };
}

function words(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT);
}
