/**
 * KmemCache: a cache of equal objects, as one CPU sees it (kernel: struct kmem_cache).
 *
 * The cache itself lies in the shared memory; this object belongs to the CPU that created or
 * opened it and lives no longer. Frees are checked: an object of another cache is refused.
 *
 * Another object for the same cache, on this CPU or any other, may destroy it, and its entry may
 * become another cache. So each call compares the entry's generation with that of the cache this
 * object was made for: one plain load. It finds what was destroyed before the call; nobody can
 * destroy a cache safely that somebody is in a call on.
 */
import { isUnsigned, unsigned } from "./abi.js";
import { checkFlags, checkNode, checkUnsigned, hasFlags, refusePointer } from "./arguments.js";
import { allocBulk, type BulkFree, freeBulk } from "./bulk.js";
import { CACHE_GONE, SLAB_KMALLOC } from "./constants.js";
import { type CpuState, checkAlive, checkTask, throwRefused } from "./cpu-state.js";
import {
  __GFP_ACCOUNT,
  __GFP_ZERO,
  GFP_KERNEL,
  GFP_MASK,
  NUMA_NO_NODE,
  SLAB_ACCOUNT,
} from "./flags.js";
import { type PrefilledSheaf, prefillSheaf } from "./prefilled-sheaf.js";
import { checkNoReader } from "./rcu.js";
import type { CacheView, HeapView } from "./view.js";
import { objectsInSheaves, sheavesOf } from "./sheaves.js";
import { walkFreelist } from "./walk.js";

/** What `KmemCache.destroy()` did. */
export interface DestroyResult {
  /** Whether the cache is gone. One that has live objects stays, and goes on working. */
  readonly released: boolean;
  /** How many objects are still live. */
  readonly remaining: number;
  /** Their addresses. */
  readonly objects: readonly number[];
  /** Prefilled sheaves that are out, which keep the cache, too: return them. */
  readonly sheaves: number;
}

/**
 * A cache of equal objects, as one CPU sees it: made by `Cpu.kmemCacheCreate()`, and by
 * `Cpu.kmemCacheOpen()` on the others. Once it was destroyed, through whichever object of whichever
 * CPU, every call throws an Error, also when a new cache of the same name was made since.
 */
export class KmemCache {
  /** Its name, unique in the heap. */
  readonly name: string;
  /** Bytes of an object. */
  readonly size: number;
  /** How many objects one of its sheaves has room for; 0: it has none. */
  readonly sheafCapacity: number;
  readonly #address: number;
  readonly #index: number;
  readonly #hasCtor: boolean;
  /** The flags its allocations take. */
  readonly #gfpMask: number;
  readonly #state: CpuState;
  readonly #freeBulk: BulkFree;
  /** The generation of the cache, and where its entry has it: a word of `#words`. */
  readonly #generation: number;
  readonly #generationAt: number;
  /** The memory up to the end of the cache table at least: an old view still sees all of that. */
  readonly #words: Uint32Array;

  /** Made by `Cpu.kmemCacheCreate()` and `Cpu.kmemCacheOpen()`. */
  constructor(state: CpuState, cache: CacheView) {
    this.name = cache.name;
    this.size = cache.object_size;
    this.sheafCapacity = cache.sheaf_capacity;
    this.#state = state;
    this.#address = cache.address;
    this.#freeBulk = { call: "cache.freeBulk", cache: cache.address, name: cache.name };
    this.#index = cache.index;
    this.#hasCtor = cache.ctor !== 0;
    this.#generation = cache.generation;
    const { generation } = state.view.table.offsets.kmem_cache;
    this.#generationAt = (cache.address + generation) / Uint32Array.BYTES_PER_ELEMENT;
    this.#words = state.words;
    this.#gfpMask = (cache.flags & SLAB_ACCOUNT) !== 0 ? GFP_MASK : GFP_MASK & ~__GFP_ACCOUNT;
  }

  /**
   * Allocate an object.
   *
   * Context: any; inside `nmi()`, constructors and handlers it acts as its nolock twin.
   * Kernel: kmem_cache_alloc().
   *
   * @param flags GFP_KERNEL, __GFP_ZERO, __GFP_ACCOUNT
   * @returns its address; 0 when out of memory, or at the limit of the memcg
   * @throws what the constructor threw; RangeError for __GFP_ZERO on a cache with a constructor,
   * and for __GFP_ACCOUNT on one without SLAB_ACCOUNT, which charges every allocation
   */
  alloc(flags: number = GFP_KERNEL): number {
    if (!this.#exists()) this.#throwGone("cache.alloc");
    if (!hasFlags(flags, this.#gfpMask)) this.#refuseFlags("cache.alloc", flags);
    if (this.#hasCtor) this.#prepareConstructed("cache.alloc", flags);
    const object = unsigned(this.#state.calls.kmem_cache_alloc(this.#address, flags));
    if (object === 0) this.#state.constructors.rethrow();
    return object;
  }

  /**
   * The same without waiting and without growing the memory; see `Cpu.kmallocNolock()`.
   *
   * Context: any. Ours, for caches; the kernel has it for kmalloc alone.
   *
   * @param node a hint: 0..nodes-1, or NUMA_NO_NODE
   * @returns its address, or 0: do not ask again right away
   * @throws as alloc()
   */
  allocNolock(flags: number = GFP_KERNEL, node: number = NUMA_NO_NODE): number {
    if (!this.#exists()) this.#throwGone("cache.allocNolock");
    if (!hasFlags(flags, this.#gfpMask)) this.#refuseFlags("cache.allocNolock", flags);
    checkNode("cache.allocNolock: node", node, this.#state.options.nodes);
    if (this.#hasCtor) this.#prepareConstructed("cache.allocNolock", flags);
    const object = unsigned(this.#state.calls.kmem_cache_alloc_nolock(this.#address, flags, node));
    if (object === 0) this.#state.constructors.rethrow();
    return object;
  }

  /**
   * Free an object of this cache. 0 is freed for nothing.
   *
   * Context: any; inside `nmi()`, constructors and handlers it acts as its nolock twin.
   * Kernel: kmem_cache_free().
   *
   * @throws SlabError if it is not one, or is free already; then nothing happened
   */
  free(object: number): void {
    if (!this.#exists()) this.#throwGone("cache.free");
    if (!isUnsigned(object)) refusePointer("cache.free", object);
    const refused = this.#state.calls.kmem_cache_free_checked(this.#address, object);
    if (refused !== 0) throwRefused(this.#state, "cache.free", object, refused, this.name);
  }

  /**
   * The same without waiting; see `Cpu.kfreeNolock()`. Context: any.
   *
   * @throws SlabError as free()
   */
  freeNolock(object: number): void {
    if (!this.#exists()) this.#throwGone("cache.freeNolock");
    if (!isUnsigned(object)) refusePointer("cache.freeNolock", object);
    const refused = this.#state.calls.kmem_cache_free_nolock_checked(this.#address, object);
    if (refused !== 0) throwRefused(this.#state, "cache.freeNolock", object, refused, this.name);
  }

  /**
   * Allocate `count` objects, all or none. Kernel: kmem_cache_alloc_bulk().
   *
   * @returns their addresses; empty when out of memory
   * @throws as alloc()
   */
  allocBulk(count: number, flags: number = GFP_KERNEL): Uint32Array {
    if (!this.#exists()) this.#throwGone("cache.allocBulk");
    checkUnsigned("cache.allocBulk: count", count);
    if (!hasFlags(flags, this.#gfpMask)) this.#refuseFlags("cache.allocBulk", flags);
    if (this.#hasCtor) this.#prepareConstructed("cache.allocBulk", flags);
    const objects = allocBulk(this.#state, this.#address, this.size, count, flags);
    if (objects.length < count) this.#state.constructors.rethrow();
    return objects;
  }

  /**
   * Free all of `objects`, or none. Kernel: kmem_cache_free_bulk().
   *
   * @throws SlabError if one is no object of this cache; then none is freed
   */
  freeBulk(objects: ArrayLike<number>): void {
    if (!this.#exists()) this.#throwGone("cache.freeBulk");
    freeBulk(this.#state, objects, this.#freeBulk);
  }

  /**
   * Get `count` objects that this CPU has for sure, for what must not fail in the middle: whatever
   * sheaf is at hand, filled from slabs; a larger one than the cache's where they do not fit.
   *
   * Context: outside `nmi()`, constructors and handlers. Kernel: kmem_cache_prefill_sheaf().
   *
   * @param count 1..2044
   * @returns null when out of memory
   * @throws TypeError, RangeError for another count; Error inside nmi() or a constructor, and in a
   * heap without sheaves; what the constructor threw
   */
  prefillSheaf(count: number): PrefilledSheaf | null {
    if (!this.#exists()) this.#throwGone("cache.prefillSheaf");
    const { constructors } = this.#state;
    const owner = {
      name: this.name,
      address: this.#address,
      check: (call: string, flags: number) => this.#checkUse(call, flags),
      forget: () => this.#hasCtor && constructors.forget(),
      rethrow: () => constructors.rethrow(),
    };
    return prefillSheaf(this.#state, owner, count);
  }

  /**
   * Give back empty slabs, also those a node would keep, and put the fullest partial ones first.
   * This CPU gives up what it holds of the cache; others do at their next slow path in it.
   *
   * Context: outside `nmi()`, constructors and handlers. Kernel: kmem_cache_shrink().
   *
   * @returns slabs given back now
   * @throws Error inside nmi() or a constructor
   */
  shrink(): number {
    if (!this.#exists()) this.#throwGone("cache.shrink");
    checkTask(this.#state, "cache.shrink");
    return unsigned(this.#state.calls.kmem_cache_shrink(this.#address));
  }

  /**
   * Check every object of a cache with slab_debug; what is found is reported and repaired.
   *
   * Context: outside `nmi()`, constructors and handlers. Kernel: validate_slab_cache().
   *
   * @returns how many reports and repairs that made, 0: it is sound, or has no slab_debug
   * @throws Error inside nmi() or a constructor
   */
  validate(): number {
    if (!this.#exists()) this.#throwGone("cache.validate");
    checkTask(this.#state, "cache.validate");
    return unsigned(this.#state.calls.validate_slab_cache(this.#address));
  }

  /**
   * Release the cache. Nobody, on any CPU, may be using it any more; what waits on deferred lists
   * is freed first, and what waits for a grace period, whose readers are waited for if this CPU
   * may wait. If objects are still live, the cache stays as it is: free them and try again.
   *
   * Context: outside `nmi()`, constructors and handlers. Kernel: kmem_cache_destroy().
   *
   * @throws Error inside nmi(), a constructor or a read-side section, and if it was destroyed
   * already; RangeError for the allocator's own caches
   */
  destroy(): DestroyResult {
    if (!this.#exists()) this.#throwGone("cache.destroy");
    const { view } = this.#state;
    checkTask(this.#state, "cache.destroy");
    checkNoReader(this.#state, "cache.destroy");
    view.refresh();
    if ((view.cache(this.#index).flags & SLAB_KMALLOC) !== 0) {
      throw new RangeError(
        `cache.destroy: expected a cache made by kmemCacheCreate(), got ${this.name}, which ` +
          "kmalloc() needs; leave it",
      );
    }
    const left = unsigned(this.#state.calls.kmem_cache_destroy(this.#address, this.#generation));
    // Another thread was faster, between the look above and the lock.
    if (left === CACHE_GONE) this.#throwGone("cache.destroy");
    if (left !== 0) {
      view.refresh();
      const objects = liveObjects(view, view.cache(this.#index));
      const sheaves = prefilledOf(view, view.cache(this.#index));
      return { released: false, remaining: objects.length, objects, sheaves };
    }
    this.#state.constructors.unregister(this.#index);
    return { released: true, remaining: 0, objects: [], sheaves: 0 };
  }

  /** Whether the entry still is the cache that this object was made for. */
  #exists(): boolean {
    return this.#words[this.#generationAt] === this.#generation;
  }

  #throwGone(call: string): never {
    // A CPU that is gone says so first: that is the nearer reason.
    checkAlive(this.#state);
    throw new Error(
      `${call}: cache ${this.name}: expected a cache that exists, got one that was destroyed; ` +
        "create it again with cpu.kmemCacheCreate()",
    );
  }

  #checkUse(call: string, flags: number): void {
    if (!this.#exists()) this.#throwGone(call);
    if (!hasFlags(flags, this.#gfpMask)) this.#refuseFlags(call, flags);
    if (this.#hasCtor) this.#prepareConstructed(call, flags);
  }

  #refuseFlags(call: string, flags: number): never {
    checkFlags(`${call}: flags`, flags);
    throw new RangeError(
      `${call}: flags: expected a cache made with SLAB_ACCOUNT for __GFP_ACCOUNT, got ` +
        `${this.name}, which was not; leave the flag out, or create the cache with it`,
    );
  }

  #prepareConstructed(call: string, flags: number): void {
    this.#state.constructors.forget();
    if ((flags & __GFP_ZERO) === 0) return;
    throw new RangeError(
      `${call}: flags: expected no __GFP_ZERO for ${this.name}, whose objects are constructed, ` +
        "got it; clear what you need by yourself",
    );
  }
}

/** Sheaves that are out. Context: nobody uses the cache. */
function prefilledOf(view: HeapView, cache: CacheView): number {
  return sheavesOf(view, cache).filter(({ place }) => place === "prefilled").length;
}

/** Addresses of objects that are on no freelist. Context: nobody uses the cache. */
function liveObjects(view: HeapView, cache: CacheView): number[] {
  const live: number[] = [];
  const inSheaves = objectsInSheaves(view, cache);
  for (const slab of view.slabs(cache.address)) {
    const free = new Set(walkFreelist(view, cache, slab, slab.freelist).items);
    for (let index = 0; index < slab.objects; index++) {
      const object = slab.start + cache.red_left_pad + index * cache.size;
      if (!free.has(object) && !inSheaves.has(object)) live.push(object);
    }
  }
  return live;
}
