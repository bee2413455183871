/**
 * One simulated CPU of a TestHeap: an instance, with addresses made unsigned, and the sections a
 * test can put it into.
 */
import type { CacheView } from "slablab/internal/heap/view.js";
import { expect } from "vitest";
import type { Constructor, Exports, TestHeap } from "./heap.js";

export const NUMA_NO_NODE = -1;
export const GFP_ZERO = 1;
export const ZERO_SIZE_PTR = 16;
/** One level of an irq-off section in CpuArea.preempt_count. */
const IRQ_OFF = 1;

export interface CacheOptions {
  readonly align?: number;
  readonly flags?: number;
  readonly ctor?: Constructor;
  readonly sheafCapacity?: number;
}

export class TestCpu {
  readonly heap: TestHeap;
  readonly exports: Exports;
  readonly id: number;

  constructor(heap: TestHeap, exports: Exports, id: number) {
    this.heap = heap;
    this.exports = exports;
    this.id = id;
  }

  /** Address of its CpuArea. */
  get area(): number {
    return this.exports.this_cpu.value >>> 0;
  }

  kmalloc(size: number, gfp = 0): number {
    return this.exports.kmalloc(size, gfp) >>> 0;
  }

  kmallocNode(size: number, node: number, gfp = 0): number {
    return this.exports.kmalloc_node(size, gfp, node) >>> 0;
  }

  kmallocNolock(size: number, gfp = 0, node = NUMA_NO_NODE): number {
    return this.exports.kmalloc_nolock(size, gfp, node) >>> 0;
  }

  krealloc(object: number, size: number, gfp = 0): number {
    return this.exports.krealloc(object, size, gfp) >>> 0;
  }

  kfree(object: number): void {
    this.exports.kfree(object);
  }

  kfreeNolock(object: number): void {
    this.exports.kfree_nolock(object);
  }

  ksize(object: number): number {
    return this.exports.ksize(object) >>> 0;
  }

  alignedAlloc(align: number, size: number): number {
    return this.exports.aligned_alloc(align, size) >>> 0;
  }

  /** Allocate `count` objects one by one; every one must be there. */
  take(size: number, count: number): number[] {
    const objects = Array.from({ length: count }, () => this.kmalloc(size));
    expect(objects, `kmalloc(${size}) in a heap with room`).not.toContain(0);
    return objects;
  }

  /** Allocate until there is nothing left. */
  takeAll(size: number): number[] {
    const objects: number[] = [];
    for (let object = this.kmalloc(size); object !== 0; object = this.kmalloc(size)) {
      objects.push(object);
    }
    return objects;
  }

  /** Bulk allocation of kmalloc objects; empty on failure. */
  kmallocBulk(size: number, count: number, gfp = 0): number[] {
    const at = this.heap.putArray(Array.from({ length: count }, () => 0));
    const done = this.exports.kmalloc_bulk(size, gfp, count, at);
    return this.#readArray(at, done);
  }

  kfreeBulk(objects: readonly number[]): void {
    this.exports.kfree_bulk(objects.length, this.heap.putArray(objects));
  }

  // -------------------------------------------------------------------------- caches

  /** Create a cache. @returns its address; 0 if refused */
  tryCreateCache(name: string, size: number, options: CacheOptions = {}): number {
    const { align = 0, flags = 0, ctor, sheafCapacity = 0 } = options;
    const { calls } = { calls: this.exports };
    const hasCtor = ctor === undefined ? 0 : 1;
    const all = [this.#putName(name), size, align, flags, hasCtor, sheafCapacity] as const;
    const address = calls.kmem_cache_create(...all) >>> 0;
    if (address === 0) return 0;
    const { index } = this.heap.cache(name);
    if (ctor === undefined) this.heap.constructors.delete(index);
    else this.heap.constructors.set(index, ctor);
    return address;
  }

  /** Create a cache that must succeed. */
  createCache(name: string, size: number, options: CacheOptions = {}): CacheView {
    expect(this.tryCreateCache(name, size, options), `creating the cache ${name}`).not.toBe(0);
    return this.heap.cache(name);
  }

  openCache(name: string): number {
    return this.exports.kmem_cache_open(this.#putName(name)) >>> 0;
  }

  cacheAlloc(cache: CacheView, gfp = 0): number {
    return this.exports.kmem_cache_alloc(cache.address, gfp) >>> 0;
  }

  cacheAllocNolock(cache: CacheView, gfp = 0): number {
    return this.exports.kmem_cache_alloc_nolock(cache.address, gfp, NUMA_NO_NODE) >>> 0;
  }

  cacheAllocBulk(cache: CacheView, count: number, gfp = 0): number[] {
    const at = this.heap.putArray(Array.from({ length: count }, () => 0));
    const done = this.exports.kmem_cache_alloc_bulk(cache.address, gfp, count, at);
    return this.#readArray(at, done);
  }

  /** Allocate `count` objects one by one; every one must be there. */
  cacheTake(cache: CacheView, count: number): number[] {
    const objects = Array.from({ length: count }, () => this.cacheAlloc(cache));
    expect(objects, `objects of ${cache.name} in a heap with room`).not.toContain(0);
    return objects;
  }

  /** validate_slab_cache(). @returns reports and repairs that it made */
  validateCache(cache: CacheView): number {
    return this.exports.validate_slab_cache(cache.address) >>> 0;
  }

  cacheFree(cache: CacheView, object: number): void {
    this.exports.kmem_cache_free(cache.address, object);
  }

  /** @returns slabs that still hold objects; 0 = released */
  destroyCache(cache: CacheView): number {
    return this.exports.kmem_cache_destroy(cache.address) >>> 0;
  }

  #putName(name: string): number {
    const at = this.area + this.heap.table.constants.CPU_SCRATCH;
    const bytes = new TextEncoder().encode(name);
    this.heap.fill(at, 64, 0);
    this.heap.bytes.set(bytes, at);
    return at;
  }

  #readArray(at: number, count: number): number[] {
    return Array.from({ length: count }, (_, index) => this.heap.u32(at + index * 4));
  }

  // ------------------------------------------------------------------------ contexts

  /** Run `work` as an NMI on this CPU. */
  nmi<T>(work: () => T): T {
    this.exports.nmi_enter();
    const result = work();
    this.exports.nmi_exit();
    return result;
  }

  /** Run `work` as an interrupt handler on this CPU. */
  irq<T>(work: () => T): T {
    this.exports.irq_enter();
    const result = work();
    this.exports.irq_exit();
    return result;
  }

  /**
   * Run `work` as an NMI that came while this CPU held the lock at `lock`.
   *
   * Nothing in the product calls back with a lock held, so the interrupted section is made by
   * hand: the lock word and the irq-off level as the section sets them, both undone at its end,
   * where irq_work runs as it does at every unlock.
   */
  interruptSection<T>(lock: number, work: () => T): T {
    expect(this.heap.u32(lock), "the lock must be free before").toBe(0);
    this.heap.setU32(lock, this.id + 1);
    this.exports.set_preempt_count(this.exports.preempt_count() + IRQ_OFF);
    const result = this.nmi(work);
    expect(this.heap.u32(lock), "a lock is released by its owner alone").toBe(this.id + 1);
    this.heap.setU32(lock, 0);
    this.exports.set_preempt_count(this.exports.preempt_count() - IRQ_OFF);
    return result;
  }

  // ------------------------------------------------------------------------- groups

  /** Create a memory control group. @returns its address; 0 if refused */
  memcgCreate(name: string, limitPages = 2 ** 20): number {
    return this.exports.memcg_create(this.#putName(name), limitPages) >>> 0;
  }

  /** Charge what follows to a group; 0: to none. @returns false if it is gone */
  memcgSet(group: number): boolean {
    return this.exports.memcg_set(group, this.heap.memcg(group).generation) !== 0;
  }

  memcgDestroy(group: number): boolean {
    return this.exports.memcg_destroy(group, this.heap.memcg(group).generation) !== 0;
  }

  /** Address of the lock of its stock. */
  stockLock(): number {
    return this.heap.view.stock(this.id).address;
  }

  /** Address of this CPU's local lock of a cache. */
  localLock(cache: CacheView): number {
    const { address } = this.heap.view.cpuCache(this.id, cache.index);
    return address + this.heap.table.offsets.kmem_cache_cpu.lock;
  }

  /** @returns whether it was queued, or freed after a wait */
  kfreeRcu(object: number): boolean {
    return this.exports.kfree_rcu(object) !== 0;
  }

  /** Run `work` in a read-side section of this CPU. */
  reading<T>(work: () => T): T {
    this.exports.rcu_read_lock();
    const result = work();
    this.exports.rcu_read_unlock();
    return result;
  }

  poll(): void {
    this.exports.poll();
  }

  barrier(): void {
    this.exports.defer_free_barrier();
  }

  offline(): void {
    this.exports.cpu_offline();
  }
}

/** Run `work` while the lock at `lock` is held by CPU `owner`, which stands still meanwhile. */
export function whileHeld<T>(heap: TestHeap, lock: number, owner: number, work: () => T): T {
  expect(heap.u32(lock), "the lock must be free before").toBe(0);
  heap.setU32(lock, owner + 1);
  try {
    const result = work();
    expect(heap.u32(lock), "a lock is released by its owner alone").toBe(owner + 1);
    return result;
  } finally {
    // Also after a failure: what the test called may go on, and would wait for ever.
    heap.setU32(lock, 0);
  }
}

/** Address of a node's list_lock of a cache. */
export function listLock(heap: TestHeap, cache: CacheView, node = 0): number {
  const { address } = heap.view.node(cache.index, node);
  return address + heap.table.offsets.kmem_cache_node.list_lock;
}
