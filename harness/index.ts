/**
 * Slablab: a SLUB-style slab allocator in one shared memory whose CPUs are threads.
 *
 * `createHeap()` makes a heap, `attachHeap(handle)` joins it from another thread, `heap.cpu()`
 * makes the thread a CPU of it; the README shows them at work.
 */
export type { RawExports } from "./heap/abi.js";
export type { SharedView, ViewType } from "./heap/bytes.js";
export type { KmemCacheOpenOptions, KmemCacheOptions } from "./heap/caches.js";
export { DEFER_ARMS, type DeferArm } from "./heap/arms.js";
export type { Ctor } from "./heap/constructors.js";
export type { Cpu } from "./heap/cpu.js";
export { UnsupportedError } from "./heap/errors.js";
export {
  __GFP_ACCOUNT,
  __GFP_ZERO,
  GFP_KERNEL,
  NUMA_NO_NODE,
  SLAB_ACCOUNT,
  SLAB_HWCACHE_ALIGN,
  SLAB_TYPESAFE_BY_RCU,
  SLAB_CONSISTENCY_CHECKS,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
  SLAB_NO_CMPXCHG,
  SLAB_TRACE,
  ZERO_SIZE_PTR,
} from "./heap/flags.js";
export {
  attachHeap,
  type CpuOptions,
  createHeap,
  type Heap,
  type HeapHandle,
} from "./heap/heap.js";
export type { DestroyResult, KmemCache } from "./heap/kmem-cache.js";
export type { Memcg, MemcgOptions, MemcgStat } from "./heap/memcg.js";
export type { PrefilledSheaf } from "./heap/prefilled-sheaf.js";
export type { ReapReport } from "./heap/reap.js";
export {
  BUILDS,
  type BuildName,
  type FailslabOptions,
  type HeapModules,
  type HeapOptions,
  type ResolvedOptions,
} from "./heap/options.js";
export {
  SHEAF_REFILLS,
  SHEAF_RULES,
  type SheafCapacity,
  type SheafRefill,
} from "./heap/sheaf-option.js";
export { SlabError } from "./heap/slab-error.js";
export type { SlabInfo } from "./heap/slabinfo.js";
export { STAT_ITEMS, type StatItem } from "./heap/stat-items.js";
export type { CacheStats, HeapStats } from "./heap/stats.js";
export type {
  CacheAllocEvent,
  CacheFreeEvent,
  ContentionBeginEvent,
  ContentionEndEvent,
  DeferEvent,
  DeferSlabEvent,
  DrainEvent,
  KfreeEvent,
  KmallocEvent,
  LockEvent,
  OfCache,
  OnTrace,
  SlabEvent,
  Traced,
  TraceEvent,
} from "./heap/trace.js";
export type {
  Bytes,
  ModuleSource,
  Shared,
  UrlLike,
  WasmMemory,
  WasmModule,
} from "./heap/wasm-types.js";
export type { Finding, InvariantId } from "./heap/validate/invariants.js";
