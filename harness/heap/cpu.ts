/**
 * Cpu: this thread as one CPU of the heap, and all that it can ask of it.
 *
 * Addresses, sizes and counts are integers in 0..2^32-1; anything else throws. An allocation that
 * cannot be met returns 0. Every free is checked and a bad one throws a SlabError with the heap
 * unchanged. The calls are those of the kernel, in camelCase (include/linux/slab.h).
 *
 * kmalloc() and kfree() are as small as they can be: a check, one call into the wasm, a test of
 * its result. What is rare or long lives in the files beside this one.
 */
import {
  type HeapCalls,
  type RawExports,
  isUnsigned,
  throwingCalls,
  throwingExports,
  unsigned,
} from "./abi.js";
import {
  checkFlags,
  checkNode,
  checkUnsigned,
  hasFlags,
  refusePointer,
  refuseSize,
} from "./arguments.js";
import { type BulkFree, freeBulk, kmallocBulk } from "./bulk.js";
import { type SharedView, type ViewType, makeView } from "./bytes.js";
import {
  type KmemCacheOpenOptions,
  type KmemCacheOptions,
  createCache,
  openCache,
} from "./caches.js";
import { type CpuState, checkAlive, checkObject, checkTask, throwRefused } from "./cpu-state.js";
import { hex } from "./errors.js";
import { GFP_KERNEL, GFP_MASK, NUMA_NO_NODE } from "./flags.js";
import type { KmemCache } from "./kmem-cache.js";
import { checkDone, checkSync } from "./synchronous.js";
import { createMemcg, type Memcg, type MemcgOptions, openMemcg, setMemcg } from "./memcg.js";
import { checkNoReader, kfreeRcu, rcuBarrier, rcuReadUnlock, synchronizeRcu } from "./rcu.js";
import type { Shared } from "./wasm-types.js";

const ALIGN_MAX = 4 * 2 ** 20;
const KFREE_BULK: BulkFree = { call: "cpu.kfreeBulk", cache: 0, name: null };

// Literals of this file, not GFP_KERNEL and GFP_MASK themselves, and `>>> 0` written out: reading
// an imported binding on the hot path costs 3 ns of 16 a pair. A test holds them equal.
const NO_FLAGS = 0;
const FLAG_BITS = 0x3;

/**
 * This thread as one CPU of a heap. Made by `Heap.cpu()`; it belongs to the thread that made it.
 *
 * Addresses, sizes and counts are integers in 0..2^32-1; anything else throws a RangeError or
 * TypeError. An allocation that cannot be met returns 0. Every free is checked.
 */
export class Cpu {
  /** The CPU's number, from 0. */
  readonly id: number;
  /** Whether calls of this CPU may sleep; false on a page's main thread and in a worklet. */
  readonly mayWait: boolean;
  readonly #state: CpuState;
  // The two hottest calls, one load nearer than the rest of `state.calls`: 2 ns of 20 a pair.
  #kmalloc: HeapCalls["kmalloc"];
  #kfree: HeapCalls["kfree_checked"];
  #memcg: Memcg | undefined;

  /** Made by `Heap.cpu()`. */
  constructor(state: CpuState, mayWait: boolean) {
    this.id = state.id;
    this.mayWait = mayWait;
    this.#state = state;
    this.#kmalloc = state.calls.kmalloc;
    this.#kfree = state.calls.kfree_checked;
  }

  /** Trace points that were passed while `onTrace` ran, and that it did not get. */
  get droppedEvents(): number {
    return this.#state.tracer?.dropped ?? 0;
  }

  /**
   * The raw wasm functions, C names included, for other modules on the same memory. They trust
   * their arguments, and return addresses as signed numbers: apply `>>> 0`.
   */
  get exports(): RawExports {
    return this.#state.exports;
  }

  /**
   * Allocate `size` bytes, aligned to 8, or to the size where that is a power of two.
   *
   * Context: any; inside `nmi()`, constructors and handlers it acts as its nolock twin.
   * Kernel: kmalloc().
   *
   * @param size bytes; 0 gives ZERO_SIZE_PTR, above 4 MiB whole blocks of 4 MiB are taken
   * @param flags GFP_KERNEL, __GFP_ZERO, __GFP_ACCOUNT
   * @returns the address; 0 when out of memory or at the limit of the memcg
   * @throws RangeError, TypeError for what is no size and no flags
   */
  kmalloc(size: number, flags: number = NO_FLAGS): number {
    if (
      !(typeof size === "number" && size >>> 0 === size) ||
      !(typeof flags === "number" && (flags & FLAG_BITS) === flags)
    ) {
      refuseSize("cpu.kmalloc", size, flags);
    }
    return this.#kmalloc(size, flags) >>> 0;
  }

  /**
   * Free what any allocation of any CPU gave; 0 and ZERO_SIZE_PTR are freed for nothing.
   *
   * Context: any; inside `nmi()`, constructors and handlers it acts as its nolock twin.
   * Kernel: kfree().
   *
   * @throws SlabError if it is no such address, or is free already; then nothing happened
   */
  kfree(pointer: number): void {
    if (!(typeof pointer === "number" && pointer >>> 0 === pointer)) {
      refusePointer("cpu.kfree", pointer);
    }
    const refused = this.#kfree(pointer);
    if (refused !== 0) throwRefused(this.#state, "cpu.kfree", pointer, refused);
  }

  /**
   * kmalloc() on a node, or near it where that has nothing.
   *
   * Context: any; inside `nmi()`, constructors and handlers it acts as its nolock twin.
   * Kernel: kmalloc_node().
   *
   * @param node 0..nodes-1, or NUMA_NO_NODE
   * @returns as kmalloc()
   * @throws RangeError, TypeError for what is no size, no flags and no node
   */
  kmallocNode(size: number, flags: number, node: number): number {
    if (!isUnsigned(size) || !hasFlags(flags, GFP_MASK)) {
      refuseSize("cpu.kmallocNode", size, flags);
    }
    checkNode("cpu.kmallocNode: node", node, this.#state.options.nodes);
    return unsigned(this.#state.calls.kmalloc_node(size, flags, node));
  }

  /**
   * kmalloc() of cleared memory. Kernel: kzalloc().
   *
   * @param size bytes; 0 gives ZERO_SIZE_PTR
   * @returns as kmalloc()
   * @throws RangeError, TypeError for what is no size
   */
  kzalloc(size: number): number {
    if (!isUnsigned(size)) refuseSize("cpu.kzalloc", size, GFP_KERNEL);
    return unsigned(this.#state.calls.kzalloc(size));
  }

  /**
   * A cleared array of `count` elements of `size` bytes. Kernel: kcalloc().
   *
   * @returns as kmalloc(); ZERO_SIZE_PTR if either is 0, 0 also where the product overflows
   * @throws RangeError, TypeError for what is no count and no size
   */
  kcalloc(count: number, size: number): number {
    checkUnsigned("cpu.kcalloc: count", count);
    checkUnsigned("cpu.kcalloc: size", size);
    return unsigned(this.#state.calls.kcalloc(count, size));
  }

  /**
   * Change the size of an allocation; its content stays up to the smaller size.
   *
   * Context: any; inside `nmi()`, constructors and handlers it acts as its nolock twin.
   * Kernel: krealloc().
   *
   * @param pointer what any allocation gave; 0 and ZERO_SIZE_PTR: this is kmalloc()
   * @param size bytes; 0 frees `pointer` and gives ZERO_SIZE_PTR
   * @returns the address, the old one if it still fits; 0 when out of memory: then `pointer`
   * stays as it was
   * @throws SlabError if `pointer` is no allocation
   */
  krealloc(pointer: number, size: number, flags: number = GFP_KERNEL): number {
    if (!isUnsigned(size) || !hasFlags(flags, GFP_MASK)) refuseSize("cpu.krealloc", size, flags);
    checkObject(this.#state, "cpu.krealloc", pointer);
    return unsigned(this.#state.calls.krealloc(pointer, size, flags));
  }

  /**
   * Bytes usable at `pointer`, at least what was asked for; 0 for NULL and ZERO_SIZE_PTR.
   * Kernel: ksize().
   *
   * @throws SlabError as kfree()
   */
  ksize(pointer: number): number {
    checkObject(this.#state, "cpu.ksize", pointer);
    return unsigned(this.#state.calls.ksize(pointer));
  }

  /**
   * Allocate where nobody may wait: never waits, never grows the memory.
   *
   * Context: any. Kernel: kmalloc_nolock() (6.18).
   *
   * @param size bytes, at most 8192: more gives 0; 0 gives ZERO_SIZE_PTR
   * @param flags as of kmalloc()
   * @param node a hint: 0..nodes-1, or NUMA_NO_NODE
   * @returns the address, or 0: do not ask again right away
   * @throws RangeError, TypeError for what is no size, no flags and no node
   */
  kmallocNolock(size: number, flags: number = GFP_KERNEL, node: number = NUMA_NO_NODE): number {
    if (!isUnsigned(size) || !hasFlags(flags, GFP_MASK)) {
      refuseSize("cpu.kmallocNolock", size, flags);
    }
    checkNode("cpu.kmallocNolock: node", node, this.#state.options.nodes);
    return unsigned(this.#state.calls.kmalloc_nolock(size, flags, node));
  }

  /**
   * Free where nobody may wait: at once if that takes no lock, else later, as the heap's arm of
   * deferral has it. 0 and ZERO_SIZE_PTR are freed for nothing.
   *
   * Context: any. Kernel: kfree_nolock() (6.18).
   *
   * @throws SlabError as kfree(), and for allocations above 8192 bytes
   */
  kfreeNolock(pointer: number): void {
    if (!isUnsigned(pointer)) refusePointer("cpu.kfreeNolock", pointer);
    const refused = this.#state.calls.kfree_nolock_checked(pointer);
    if (refused !== 0) throwRefused(this.#state, "cpu.kfreeNolock", pointer, refused);
  }

  /**
   * kmalloc() `count` times, all or nothing.
   *
   * Context: any; inside `nmi()`, constructors and handlers it acts as its nolock twin.
   * Ours; the kernel has it for caches: see `KmemCache.allocBulk()`.
   *
   * @param size bytes of each
   * @param count how many; 0 gives none
   * @returns the addresses; empty when out of memory
   * @throws RangeError, TypeError for what is no size, no count and no flags
   */
  kmallocBulk(size: number, count: number, flags: number = GFP_KERNEL): Uint32Array {
    checkUnsigned("cpu.kmallocBulk: size", size);
    checkUnsigned("cpu.kmallocBulk: count", count);
    checkFlags("cpu.kmallocBulk: flags", flags);
    return kmallocBulk(this.#state, size, count, flags);
  }

  /**
   * kfree() all of `pointers`, or none. Kernel: kfree_bulk().
   *
   * @throws SlabError if one of them may not be freed; then none is
   */
  kfreeBulk(pointers: ArrayLike<number>): void {
    freeBulk(this.#state, pointers, KFREE_BULK);
  }

  /**
   * Allocate with a stricter alignment; freed by kfree().
   *
   * Context: any; inside `nmi()`, constructors and handlers it acts as its nolock twin.
   * C: aligned_alloc(), where any size is allowed.
   *
   * @param align bytes, a power of two up to 4 MiB
   * @param size bytes
   * @returns the address; 0 when out of memory
   * @throws RangeError, TypeError for what is no alignment and no size
   */
  alignedAlloc(align: number, size: number): number {
    checkUnsigned("cpu.alignedAlloc: align", align);
    checkUnsigned("cpu.alignedAlloc: size", size);
    if (align === 0 || align > ALIGN_MAX || (align & (align - 1)) !== 0) {
      throw new RangeError(
        `cpu.alignedAlloc: align: expected a power of two up to ${ALIGN_MAX}, got ${align}; ` +
          "try 64, a cache line",
      );
    }
    return unsigned(this.#state.calls.aligned_alloc(align, size));
  }

  /**
   * A fresh view of `count` bytes at `pointer`. It stays good when the memory grows. `slice()` it
   * before a browser's TextDecoder, which refuses shared memory.
   *
   * @throws RangeError for NULL, and for what is not inside the memory
   */
  bytes(pointer: number, count: number): Shared<Uint8Array> {
    checkAlive(this.#state);
    return makeView(this.#state.memory, "cpu.bytes", pointer, Uint8Array, count);
  }

  /**
   * A fresh view of `count` elements of a typed array at `pointer`.
   *
   * @param type its constructor: `Uint32Array`
   * @throws RangeError as bytes(), and for a pointer that the elements are not aligned to
   */
  view<T extends ViewType>(pointer: number, type: T, count: number): SharedView<T> {
    checkAlive(this.#state);
    return makeView(this.#state.memory, "cpu.view", pointer, type, count);
  }

  /**
   * Run `fn` as an NMI of this CPU: until it returns, no call waits, and frees defer what they
   * cannot do at once. Nests up to 15 deep. The NMI ends when `fn` returns: what an async one did
   * after its first `await` would run as an ordinary task, so none is taken.
   *
   * Context: any. Kernel: nmi_enter(), nmi_exit().
   *
   * @returns what `fn` returns
   * @throws what `fn` throws, with the depth as it was before; RangeError for one NMI too many;
   * TypeError for an async function or a generator, before it runs, and for one that returned a
   * promise, with the depth as it was before
   */
  nmi<T>(fn: () => T): T {
    checkSync("cpu.nmi: fn", fn);
    const { calls } = this.#state;
    const before = calls.preempt_count();
    if ((before & NMI_MASK) === NMI_MASK) {
      throw new RangeError(
        `cpu.nmi: expected at most 15 nested NMIs, got one more (${hex(before)}); nest less`,
      );
    }
    calls.nmi_enter();
    let done = false;
    try {
      const value = fn();
      done = true;
      checkDone("cpu.nmi: fn", value);
      return value;
    } finally {
      if (done) calls.nmi_exit();
      else calls.set_preempt_count(before);
    }
  }

  /**
   * A safe point: runs what was deferred to this CPU, grows if a nolock call wished it, and frees
   * what has waited for a grace period. For threads that make nolock calls alone.
   *
   * Context: any; inside `nmi()` the end of the NMI does it. Ours; the kernel has interrupts.
   */
  poll(): void {
    this.#state.calls.poll();
  }

  /**
   * Enter a read-side section: what this CPU finds published inside stays until the section ends,
   * although another gives it to kfreeRcu(). Publish and read pointers by `Atomics`. Nests.
   *
   * Context: any. Kernel: rcu_read_lock().
   */
  rcuReadLock(): void {
    this.#state.calls.rcu_read_lock();
  }

  /**
   * Leave a read-side section. Context: any. Kernel: rcu_read_unlock().
   *
   * @throws Error outside a section
   */
  rcuReadUnlock(): void {
    rcuReadUnlock(this.#state);
  }

  /**
   * Wait until every read-side section that is open now, on any CPU, has ended.
   *
   * Context: a CPU that may wait. Kernel: synchronize_rcu().
   *
   * @throws Error on a CPU that may not wait, inside nmi(), a constructor or a read-side section
   */
  synchronizeRcu(): void {
    synchronizeRcu(this.#state, this.mayWait);
  }

  /**
   * kfree() when no read-side section can hold the address any more. Until then nothing is written
   * to it. Once queued it is as good as freed; poll() and ordinary slow paths free it in the end.
   * 0 and ZERO_SIZE_PTR are freed for nothing.
   *
   * Context: any. Kernel: kfree_rcu(), without an `rcu_head` in the object.
   *
   * @throws SlabError as kfree(); Error if there is no memory to queue it and no way to wait:
   * then it is still allocated
   */
  kfreeRcu(pointer: number): void {
    kfreeRcu(this.#state, pointer);
  }

  /**
   * Free all that any CPU gave to kfreeRcu() before this call, waiting for readers if need be.
   *
   * Context: outside `nmi()`, constructors and handlers. Kernel: kvfree_rcu_barrier().
   *
   * @throws Error inside nmi(), a constructor or a read-side section; and where there are readers
   * to wait for, on a CPU that may not wait
   */
  rcuBarrier(): void {
    rcuBarrier(this.#state);
  }

  /**
   * Make a cache of objects of one size. Its name is unique in the heap.
   *
   * Context: outside `nmi()`, constructors and handlers. Kernel: kmem_cache_create().
   *
   * @throws RangeError, TypeError for bad options or a name in use; Error when out of memory, or
   * inside nmi() or a constructor
   */
  kmemCacheCreate(options: KmemCacheOptions): KmemCache {
    return createCache(this.#state, options);
  }

  /**
   * Open a cache that some CPU made, or one of the allocator's own, such as `kmalloc-64`.
   *
   * Context: outside `nmi()`, constructors and handlers. Ours; the kernel shares a pointer.
   *
   * @throws RangeError if there is none of that name; TypeError if it was made with a constructor
   * and none is given; Error inside nmi() or a constructor
   */
  kmemCacheOpen(name: string, options: KmemCacheOpenOptions = {}): KmemCache {
    return openCache(this.#state, name, options);
  }

  /**
   * Make a memory control group on this CPU: `heap.memcgCreate()` for where no CPU is free.
   *
   * Context: outside `nmi()`, constructors and handlers.
   *
   * @throws as `heap.memcgCreate()`
   */
  memcgCreate(options: MemcgOptions): Memcg {
    return createMemcg(this.#state, "cpu.memcgCreate", options, (work) => work(this.#state));
  }

  /**
   * Open a group that some CPU made; its `remove()` then runs on this CPU.
   *
   * @throws RangeError if there is none of that name
   */
  memcgOpen(name: string): Memcg {
    const { memory, view } = this.#state;
    return openMemcg("cpu.memcgOpen", memory, view, name, (work) => work(this.#state));
  }

  /**
   * The memory control group that allocations of this CPU with __GFP_ACCOUNT, and those from
   * caches with SLAB_ACCOUNT, are charged to; undefined: none. Objects stay charged to the group
   * they were allocated in. Kernel: set_active_memcg().
   *
   * @throws TypeError, RangeError for what is no group of this heap; Error for one that was
   * removed, and inside nmi() or a constructor
   */
  get memcg(): Memcg | undefined {
    checkAlive(this.#state);
    return this.#memcg;
  }

  /** Charge to `group` from now on; undefined: to none. */
  set memcg(group: Memcg | undefined) {
    this.#memcg = setMemcg(this.#state, group);
  }

  /**
   * Stop being a CPU: what it holds goes back to the heap, and the number is free again. Objects
   * stay allocated; what waits for a grace period is left to the others. Every later call on this
   * Cpu and its caches throws.
   *
   * Context: outside `nmi()`, constructors and handlers. Kernel: slub_cpu_dead().
   *
   * @throws Error inside nmi(), a constructor or a read-side section
   */
  offline(): void {
    const state = this.#state;
    checkTask(state, "cpu.offline");
    checkNoReader(state, "cpu.offline");
    state.calls.cpu_offline();
    state.isOnline = false;
    const makeError = () =>
      new Error(
        `CPU ${this.id}: expected a CPU that is online, got one after offline(); ` +
          "become one again with heap.cpu()",
      );
    state.calls = throwingCalls(state.exports, makeError);
    state.exports = throwingExports(state.exports, makeError);
    this.#kmalloc = state.calls.kmalloc;
    this.#kfree = state.calls.kfree_checked;
  }
}

/** The nesting depth of NMIs in the context word; 15 levels fit. */
const NMI_MASK = 0xf000;
