/**
 * The border to the wasm: the one file that knows its imports and exports by name.
 *
 * wasm hands out addresses as signed 32-bit numbers; `unsigned()` is the one place that makes
 * them what they are. `HeapCalls` holds the exports the library calls, picked into a plain object
 * of fixed shape: the namespace object of an instance has hundreds of entries (the field table is
 * in it) and would make every call a dictionary lookup.
 */
import "./text.js"; // before the loader, which makes a TextDecoder
import { instantiateSync } from "@assemblyscript/loader";
import type { instantiate } from "../wasm/release.js";
import type { WasmMemory, WasmModule } from "./wasm-types.js";

/** What a constructor import gets; nonzero means that the constructor threw. */
export type CallCtor = (cacheIndex: number, object: number) => number;

/** What a trace point tells: the event and up to three values (assembly/sync/trace.ts). */
export type CallTrace = (event: number, a: number, b: number, c: number) => void;

/** A lock taken in the wrong way: the kind, and the lock words (assembly/sync/lockdep.ts). */
export type CallLockdep = (kind: number, lock: number, held: number) => void;
/** What slab_debug tells: REPORT_* and the rest as in assembly/base/host.ts. */
export type CallReport = (
  kind: number,
  cache: number,
  slab: number,
  object: number,
  from: number,
  to: number,
  value: number,
) => void;

/** What an instance calls in its host. */
export interface HostCalls {
  /** Runs constructors; it must not throw. */
  readonly callCtor: CallCtor;
  /** Gets the trace points of the build `trace`; it must not throw. */
  readonly callTrace?: CallTrace;
  /** Gets what lockdep finds in the builds `debug` and `trace`; it must not throw. */
  readonly callLockdep?: CallLockdep;
  /** Gets what slab_debug finds (builds `debug` and `trace`); it must not throw. */
  readonly callReport?: CallReport;
}

/**
 * Everything an instance exports, C names included, as it came out of the wasm: typed by the
 * compiler's bindings, but with addresses still signed.
 */
export type RawExports = Readonly<Awaited<ReturnType<typeof instantiate>>>;

/** Addresses, sizes, counts and results are 32 bits, signed where the wasm returns them. */
export interface HeapCalls {
  /** Lay out or find the heap; returns heap_base, 0 when the tables do not fit. Idempotent. */
  heap_init(
    reserveBytes: number,
    maximumPages: number,
    cpus: number,
    nodes: number,
    maxCaches: number,
    deferPlace: number,
    deferTrigger: number,
    options: number,
    seed: number,
  ): number;
  /** Fault injection of a heap that was made with HEAP_FAILSLAB, before any CPU attaches. */
  set_failslab(heapBase: number, probability: number, interval: number, nth: number): void;
  /** Become CPU `cpu` (-1: next free); returns its number, -1 taken or none free, -2 no such. */
  cpu_attach(heapBase: number, cpu: number, taskMode: number): number;
  /** Flush what the CPU holds and give its number back. Traps inside a section. */
  cpu_offline(): void;

  kmalloc(size: number, gfp: number): number;
  kmalloc_node(size: number, gfp: number, node: number): number;
  kzalloc(size: number): number;
  kcalloc(count: number, size: number): number;
  krealloc(object: number, size: number, gfp: number): number;
  ksize(object: number): number;
  kmalloc_nolock(size: number, gfp: number, node: number): number;
  /** Fills `count` words at `array`; returns count, or 0 with nothing allocated. */
  kmalloc_bulk(size: number, gfp: number, count: number, array: number): number;
  /** Frees `count` addresses that are right. */
  kfree_bulk(count: number, array: number): void;
  /**
   * Frees `count` addresses at `array`, or none if one may not be; behind them it needs words, as
   * many as the power of two from 2 * count on. Returns REFUSED_*, of the one whose index is then
   * the first of these words.
   */
  kfree_bulk_checked(cache: number, count: number, array: number): number;
  aligned_alloc(align: number, size: number): number;
  /** The checked twins return REFUSED_*; refused means that nothing was done. */
  kfree_checked(object: number): number;
  kfree_nolock_checked(object: number): number;
  /** `cache`: the one it must be of, or 0. */
  check_object(object: number, cache: number): number;

  /** Returns the cache's address, 0 when refused: CpuArea.bug_code says why. */
  kmem_cache_create(
    name: number,
    size: number,
    align: number,
    flags: number,
    ctor: number,
    sheafCapacity: number,
  ): number;
  kmem_cache_open(name: number): number;
  kmem_cache_alloc(cache: number, gfp: number): number;
  kmem_cache_alloc_nolock(cache: number, gfp: number, node: number): number;
  kmem_cache_prefill_sheaf(cache: number, count: number): number;
  kmem_cache_alloc_from_sheaf(cache: number, gfp: number, sheaf: number): number;
  kmem_cache_refill_sheaf(cache: number, sheaf: number, count: number): number;
  kmem_cache_return_sheaf(cache: number, sheaf: number): number;
  kmem_cache_sheaf_size(sheaf: number): number;
  kmem_cache_free_checked(cache: number, object: number): number;
  kmem_cache_free_nolock_checked(cache: number, object: number): number;
  kmem_cache_alloc_bulk(cache: number, gfp: number, count: number, array: number): number;
  /**
   * Returns how many slabs still hold objects, and the cache goes on; 0 = released; -1 = the cache
   * of that generation is gone.
   */
  kmem_cache_destroy(cache: number, generation: number): number;
  /** Returns how many slabs were given back. */
  kmem_cache_shrink(cache: number): number;
  /** Returns how many reports and repairs it made; 0 for caches without slab_debug. */
  validate_slab_cache(cache: number): number;

  /** Returns the group's address, 0 when refused. */
  memcg_create(name: number, limitPages: number): number;
  /** Make a group this CPU's (0: none); returns 0 if it is gone. */
  memcg_set(memcg: number, generation: number): number;
  /** Returns 1 if the group is gone now, 0 if it is in use or was gone before. */
  memcg_destroy(memcg: number, generation: number): number;
  /** Returns 0 if it could not be queued: the object is still the caller's. */
  kfree_rcu(object: number): number;
  /** Returns 0 where readers would have to be waited for and cannot be. */
  rcu_barrier(): number;
  rcu_read_lock(): void;
  /** Read-side sections this CPU is in. */
  rcu_read_lock_held(): number;
  /** Traps outside a section. */
  rcu_read_unlock(): void;
  /** Returns 0 where it cannot wait. */
  synchronize_rcu(): number;

  nmi_enter(): void;
  nmi_exit(): void;
  preempt_count(): number;
  set_preempt_count(count: number): void;
  poll(): void;
}

/** One instance of the allocator on one memory: a CPU, once it is attached. */
export interface HeapInstance {
  readonly exports: RawExports;
  readonly calls: HeapCalls;
  /** Address of this CPU's CpuArea; 0 before cpu_attach(). */
  readonly cpuArea: () => number;
}

/**
 * Whether `value` is an integer in 0..2^32-1. Cheap enough for every call; -0 counts as 0. The type
 * is asked first: `>>>` throws the engine's words for a BigInt or a symbol, and runs an object's
 * valueOf().
 */
export function isUnsigned(value: unknown): value is number {
  return typeof value === "number" && value >>> 0 === value;
}

/** A 32-bit number from the wasm as what it means: an address, a size or a count. */
export function unsigned(value: number): number {
  return value >>> 0;
}

/**
 * Make an instance of `module` on `memory`.
 *
 * @throws TypeError if the module is no build of this allocator
 */
export function instantiateHeap(
  module: WasmModule,
  memory: WasmMemory,
  { callCtor, callTrace = ignore, callLockdep = ignore, callReport = ignore }: HostCalls,
): HeapInstance {
  const host = {
    call_ctor: (cacheIndex: number, object: number) =>
      callCtor(unsigned(cacheIndex), unsigned(object)),
    call_trace: (event: number, a: number, b: number, c: number) =>
      callTrace(event, unsigned(a), unsigned(b), unsigned(c)),
    call_lockdep: (kind: number, lock: number, held: number) =>
      callLockdep(kind, unsigned(lock), unsigned(held)),
    slab_report: (kind: number, ...rest: [number, number, number, number, number, number]) =>
      callReport(kind, ...(rest.map(unsigned) as typeof rest)),
  };
  let exports: RawExports;
  try {
    // The loader adds to the object it is given, so each instance gets a fresh one.
    const { instance } = instantiateSync(module, { env: { memory }, host });
    exports = instance.exports as unknown as RawExports;
  } catch (error) {
    if (!(error instanceof WebAssembly.LinkError)) throw error;
    throw new TypeError(`${NOT_OURS}, got one with other imports (${error.message}); ${TRY}`);
  }
  const calls = pickCalls(exports);
  return { exports, calls, cpuArea: () => unsigned(exports.this_cpu.value) };
}

/** The recovery of dead CPUs: of the module `reap`, or of a build that has it itself. */
export interface ReapCalls {
  /** A CPU that recovery would wait for, + 1; 0: none. */
  reap_blocker(heapBase: number): number;
  /** Recover all that are said to be dead; returns how many were. Context: a CPU. */
  cpu_reap_dead(report: number): number;
  /** The same as CPU `dead`, which is one of them. Context: an instance that is no CPU. */
  cpu_reap_as(heapBase: number, dead: number, report: number): number;
}

/** Whether instances of `module` have the calls; if not, those of the module `reap` do. */
export function hasReap(module: WasmModule): boolean {
  return hasExport(module, "cpu_reap_dead");
}

/** Whether it is the module `reap`, which can stand in for a CPU and is no heap by itself. */
export function isReap(module: WasmModule): boolean {
  return hasReap(module) && hasExport(module, "cpu_stand_in");
}

function hasExport(module: WasmModule, name: string): boolean {
  return WebAssembly.Module.exports(module).some((each) => each.name === name);
}

/** The calls of a CPU's own instance; null: its build leaves them to the module `reap`. */
export function reapCallsOf(exports: RawExports): ReapCalls | null {
  const calls = exports as unknown as Partial<ReapCalls>;
  return calls.cpu_reap_dead === undefined ? null : (calls as ReapCalls);
}

/** The calls of an instance on the same memory that is no CPU. */
export function instantiateReap(module: WasmModule, memory: WasmMemory): ReapCalls {
  const host = { call_ctor: () => 1, call_trace: ignore, call_lockdep: ignore };
  const { exports } = instantiateSync(module, {
    env: { memory },
    host: { ...host, slab_report: ignore },
  }).instance;
  return exports as unknown as ReapCalls;
}

/** Let an instance of the module `reap` be a CPU that the caller is. */
export function standIn(calls: ReapCalls, heapBase: number, cpu: number): ReapCalls {
  const { cpu_stand_in } = calls as unknown as {
    readonly cpu_stand_in: (base: number, cpu: number) => void;
  };
  cpu_stand_in(heapBase, cpu);
  return calls;
}

function ignore(): void {}

const NOT_OURS = "options.module: expected a build of slablab's allocator";
const TRY = "try options.build, or the .wasm files of this very version of slablab";

/** What prefilled sheaves need. */
function pickSheafCalls(from: RawExports) {
  return {
    kmem_cache_prefill_sheaf: from.kmem_cache_prefill_sheaf,
    kmem_cache_alloc_from_sheaf: from.kmem_cache_alloc_from_sheaf,
    kmem_cache_refill_sheaf: from.kmem_cache_refill_sheaf,
    kmem_cache_return_sheaf: from.kmem_cache_return_sheaf,
  } as unknown as Pick<
    HeapCalls,
    | "kmem_cache_prefill_sheaf"
    | "kmem_cache_alloc_from_sheaf"
    | "kmem_cache_refill_sheaf"
    | "kmem_cache_return_sheaf"
  >;
}

function pickCalls(from: RawExports): HeapCalls {
  const calls: HeapCalls = {
    heap_init: from.heap_init,
    set_failslab: from.set_failslab,
    cpu_attach: from.cpu_attach,
    cpu_offline: from.cpu_offline,
    kmalloc: from.kmalloc,
    kmalloc_node: from.kmalloc_node,
    kzalloc: from.kzalloc,
    kcalloc: from.kcalloc,
    krealloc: from.krealloc,
    ksize: from.ksize,
    kmalloc_nolock: from.kmalloc_nolock,
    kmalloc_bulk: from.kmalloc_bulk,
    kfree_bulk: from.kfree_bulk,
    kfree_bulk_checked: from.kfree_bulk_checked,
    aligned_alloc: from.aligned_alloc,
    kfree_checked: from.kfree_checked,
    kfree_nolock_checked: from.kfree_nolock_checked,
    check_object: from.check_object,
    kmem_cache_create: from.kmem_cache_create,
    kmem_cache_open: from.kmem_cache_open,
    kmem_cache_alloc: from.kmem_cache_alloc,
    kmem_cache_alloc_nolock: from.kmem_cache_alloc_nolock,
    kmem_cache_free_checked: from.kmem_cache_free_checked,
    kmem_cache_free_nolock_checked: from.kmem_cache_free_nolock_checked,
    kmem_cache_alloc_bulk: from.kmem_cache_alloc_bulk,
    kmem_cache_sheaf_size: from.kmem_cache_sheaf_size,
    // The bindings call a pointer to a struct an object; it is an address like all others.
    ...pickSheafCalls(from),
    kmem_cache_shrink: from.kmem_cache_shrink as unknown as HeapCalls["kmem_cache_shrink"],
    kmem_cache_destroy: from.kmem_cache_destroy as unknown as HeapCalls["kmem_cache_destroy"],
    memcg_create: from.memcg_create,
    memcg_set: from.memcg_set as unknown as HeapCalls["memcg_set"],
    memcg_destroy: from.memcg_destroy as unknown as HeapCalls["memcg_destroy"],
    kfree_rcu: from.kfree_rcu as unknown as HeapCalls["kfree_rcu"],
    rcu_barrier: from.rcu_barrier as unknown as HeapCalls["rcu_barrier"],
    rcu_read_lock: from.rcu_read_lock,
    rcu_read_lock_held: from.rcu_read_lock_held,
    rcu_read_unlock: from.rcu_read_unlock,
    synchronize_rcu: from.synchronize_rcu as unknown as HeapCalls["synchronize_rcu"],
    validate_slab_cache: from.validate_slab_cache,
    nmi_enter: from.nmi_enter,
    nmi_exit: from.nmi_exit,
    preempt_count: from.preempt_count,
    set_preempt_count: from.set_preempt_count,
    poll: from.poll,
  };
  const missing = Object.entries(calls).filter(([, call]) => typeof call !== "function");
  if (missing.length === 0) return calls;
  const names = missing.map(([name]) => name).join(", ");
  throw new TypeError(`${NOT_OURS}, got one without the exports ${names}; ${TRY}`);
}

/** Exports of the same names that throw what `makeError` returns: those of a CPU that is gone. */
export function throwingExports(exports: RawExports, makeError: () => Error): RawExports {
  const thrower = () => {
    throw makeError();
  };
  const replace = ([name, value]: [string, unknown]) =>
    [name, typeof value === "function" ? thrower : value] as const;
  return Object.freeze(Object.fromEntries(Object.entries(exports).map(replace))) as RawExports;
}

/** Calls that throw in the same way; their object has the shape of the real ones. */
export function throwingCalls(exports: RawExports, makeError: () => Error): HeapCalls {
  return pickCalls(throwingExports(exports, makeError));
}
