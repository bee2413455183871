/**
 * A load for looking at a heap: two CPUs in one thread, a bit of everything.
 *
 * Model: each CPU keeps up to 4096 objects. It takes kmalloc() objects whose sizes fall off as
 * programs' do (most small, few of kilobytes) and objects of three caches: `task`, aligned to
 * cache lines; `inode`, constructed and freed by RCU; `dentry`, plain. Every 8th object that goes
 * is freed by the other CPU, every 16th call is a nolock one, and every 4096 operations a CPU
 * frees half of what it holds, so that partial slabs come and go. What remains at the end stays.
 *
 * The same seed and number of operations give the same heap.
 */
import type { Cpu } from "../heap/cpu.js";
import { SLAB_HWCACHE_ALIGN, SLAB_TYPESAFE_BY_RCU } from "../heap/flags.js";
import type { Heap } from "../heap/heap.js";
import type { KmemCache } from "../heap/kmem-cache.js";
import { programSize } from "./operations/sizes.js";
import { createRandom, type Random } from "./random.js";

export interface MixedLoad {
  /** Do this many operations, CPU by CPU. @throws Error when the heap is out of memory */
  run(operations: number): void;
  /** Shrink every cache, from both CPUs. @returns slabs given back */
  shrink(): number;
}

export const MIXED_CPUS = 2;
const KEEP = 4096;
const THIN_EVERY = 4096;

interface Held {
  readonly pointer: number;
  /** Which of the CPU's caches it is of; -1: kmalloc(). */
  readonly cache: number;
}

interface Actor {
  readonly cpu: Cpu;
  readonly random: Random;
  readonly caches: readonly KmemCache[];
  readonly held: Held[];
  operations: number;
}

/** Set up the load on a heap of at least two free CPUs. */
export function createMixed(heap: Heap, seed: number): MixedLoad {
  const first = heap.cpu();
  const second = heap.cpu();
  const actors: Actor[] = [
    makeActor(first, createRandom(seed, 0), createCaches(first)),
    makeActor(second, createRandom(seed, 1), openCaches(second)),
  ];
  let turn = 0;
  return {
    run(operations) {
      for (let done = 0; done < operations; done++) {
        step(actors, turn);
        turn = (turn + 1) % actors.length;
      }
    },
    shrink() {
      const names = heap.slabinfo().map(({ name }) => name);
      // Opened before any is shrunk, which takes a little memory; and shrunk twice: the memory of
      // one cache's sheaves lies in the slabs of another.
      const opened = actors.flatMap(({ cpu }) => names.map((name) => open(cpu, name)));
      const shrink = () => opened.reduce((given, cache) => given + cache.shrink(), 0);
      return shrink() + shrink();
    },
  };
}

function makeActor(cpu: Cpu, random: Random, caches: readonly KmemCache[]): Actor {
  return { cpu, random, caches, held: [], operations: 0 };
}

/** An inode's constructor: every object of the cache begins zeroed, and is freed so. */
const construct = () => {};

function createCaches(cpu: Cpu): KmemCache[] {
  return [
    cpu.kmemCacheCreate({ name: "task", size: 200, flags: SLAB_HWCACHE_ALIGN }),
    cpu.kmemCacheCreate({
      name: "inode",
      size: 592,
      flags: SLAB_TYPESAFE_BY_RCU,
      ctor: construct,
    }),
    cpu.kmemCacheCreate({ name: "dentry", size: 192 }),
  ];
}

function openCaches(cpu: Cpu): KmemCache[] {
  return [open(cpu, "task"), open(cpu, "inode"), open(cpu, "dentry")];
}

function open(cpu: Cpu, name: string): KmemCache {
  return cpu.kmemCacheOpen(name, name === "inode" ? { ctor: construct } : {});
}

function step(actors: readonly Actor[], turn: number): void {
  const actor = actors[turn] as Actor;
  const { random, held } = actor;
  actor.operations++;
  if (actor.operations % THIN_EVERY === 0) {
    for (let left = held.length >> 1; left > 0; left--) freeOne(actors, turn);
    return;
  }
  const wantsMore = random.uniformInt(0, KEEP) >= held.length;
  if (wantsMore) allocateOne(actor);
  else freeOne(actors, turn);
}

function allocateOne({ cpu, random, caches, held }: Actor): void {
  const nolock = random.uniformInt(0, 15) === 0;
  // Half of the objects are of caches.
  const cache = random.uniformInt(0, 1) === 0 ? -1 : random.uniformInt(0, caches.length - 1);
  const pointer = allocate(cpu, caches[cache], sizeOf(random), nolock);
  if (pointer !== 0) held.push({ pointer, cache });
  // A nolock call may be refused at any time.
  else if (!nolock) throwOutOfMemory();
}

function allocate(cpu: Cpu, cache: KmemCache | undefined, size: number, nolock: boolean): number {
  if (cache !== undefined) return nolock ? cache.allocNolock() : cache.alloc();
  return nolock ? cpu.kmallocNolock(size) : cpu.kmalloc(size);
}

function sizeOf(random: Random): number {
  const bits = random.uint32();
  return programSize(random.uniformInt(1, 16), bits);
}

/** Free one object at random, by this CPU or, every 8th, by the other. */
function freeOne(actors: readonly Actor[], turn: number): void {
  const { random, held } = actors[turn] as Actor;
  const place = random.uniformInt(0, held.length - 1);
  const last = held.pop();
  const gone = held[place] ?? last;
  if (last === undefined || gone === undefined) return;
  if (place < held.length) held[place] = last;
  const far = random.uniformInt(0, 7) === 0;
  const { cpu, caches } = actors[far ? (turn + 1) % actors.length : turn] as Actor;
  const nolock = random.uniformInt(0, 15) === 0;
  const cache = caches[gone.cache];
  if (cache === undefined) {
    if (nolock) cpu.kfreeNolock(gone.pointer);
    else cpu.kfree(gone.pointer);
  } else if (nolock) cache.freeNolock(gone.pointer);
  else cache.free(gone.pointer);
}

function throwOutOfMemory(): never {
  throw new Error(
    "the mixed load: expected memory for an object, got none; " +
      "create the heap with more maximumBytes",
  );
}
