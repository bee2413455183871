/**
 * The allocator's enumerations, as the checkers and reports read them.
 *
 * Offsets and sizes come from the field table of the module at hand (heap/fields.ts); these are
 * the values that stand in those fields. A test compares each with the constant that the wasm
 * exports, so a value that moves there cannot go unnoticed here.
 */

/** Most CPUs and nodes a heap can have. */
export const MAX_CPUS = 256;
export const MAX_NODES = 8;
/** 4 MiB blocks in 4 GiB. */
export const MAX_BLOCKS = 1024;
/** A page descriptor has 2^6 bytes. */
export const PAGE_DESC_SHIFT = 6;
/** A memory control group has 2^6 bytes. */
export const MEMCG_SHIFT = 6;
/** tid advances by this, so that tid modulo it is the CPU. */
export const TID_STEP = 256;
/** The kmalloc caches are entries 1..13 of the cache table; entry 0 is never used. */
export const NR_KMALLOC_CACHES = 14;

export const BOOT_NONE = 0;
export const BOOT_RUNNING = 1;
export const BOOT_READY = 2;
export const BOOT_FAILED = 3;

export const CACHE_FREE = 0;
export const CACHE_LIVE = 1;

export const CPU_FREE = 0;
export const CPU_TAKEN = 1;
/** A bit: its thread is known to be gone. */
export const CPU_REAPING = 2;
/** From here on: the number + 1 of who recovers it; 0: nobody does. */
export const CPU_REAPER_SHIFT = 8;
/** CpuArea.drains: bits of the drains that a CPU is in the middle of. */
export const DRAIN_DEPTH = 0x3f;

// Page.kind: what the page that heads a block is.
export const PG_NONE = 0;
export const PG_BUDDY = 1;
export const PG_PCP = 2;
export const PG_SLAB = 3;
export const PG_LARGE = 4;
export const PG_TABLE = 5;
export const PG_INFLIGHT = 6;
export const PG_DEFERRED = 7;
export const PG_HOLE = 8;
export const PG_RCU = 9;
/** Page.kind by name, for reports. */
export const PAGE_KINDS = [
  "plain",
  "buddy",
  "pcp",
  "slab",
  "large",
  "table",
  "inflight",
  "deferred",
  "hole",
  "rcu",
] as const;

/** Page.flags: the slab is on its node's partial list. */
export const SL_PARTIAL = 1;

/** KmemCache.flags: one of the allocator's own kmalloc caches. */
export const SLAB_KMALLOC = 0x2;

/** KmemCache.flags: slab_debug A, O, and where objects really are poisoned. */
export const SLAB_FAILSLAB = 0x2000;
export const OBJECT_POISON = 0x4000;
export const SLAB_KEEP_ORDER = 0x8000;

// HeapHeader.options.
export const HEAP_RT = 0x1;
export const HEAP_NO_CMPXCHG = 0x2;
export const HEAP_RANDOMIZE = 0x4;
export const HEAP_HARDENED = 0x8;
export const HEAP_FAILSLAB = 0x10;
export const HEAP_SHEAVES = 0x20;
/** Capacities of sheaves as in the kernel on 32 bits. */
export const HEAP_SHEAF_KERNEL32 = 0x40;
export const HEAP_SHEAF_BYTES = 0x80;
/** Only a CPU that may wait refills sheaves. */
export const HEAP_SHEAF_REFILL_WAITS = 0x100;
/** From this bit on: objects that each sheaf has room for at least; 0: by the objects' size. */
export const HEAP_SHEAF_CAPACITY_SHIFT = 16;
/** Objects that the largest sheaf has room for. */
export const MAX_SHEAF_CAPACITY = 2044;

// PERCPU_LAYERS of a module.
export const PERCPU_SLAB = 0x1;
export const PERCPU_SHEAF = 0x2;

// HeapHeader.build.
export const BUILD_STATS = 0x1;
export const BUILD_DEBUG = 0x2;

/** CpuArea.preempt_count of a CPU at rest may hold this: its calls have something to ask. */
export const HOOKED = 0x1000000;
/** KmemCacheCpu.slab may hold this beside the address: its frees have something to ask. */
export const CPU_SLAB_ASKS = 1;

// Why a pointer was refused.
export const REFUSED_NONE = 0;
export const REFUSED_WILD = 1;
export const REFUSED_FREE_PAGE = 2;
export const REFUSED_INTERIOR = 3;
export const REFUSED_FOREIGN = 4;
export const REFUSED_DOUBLE = 5;
export const REFUSED_LARGE_NOLOCK = 6;
// Why a cache was not made.
export const REFUSED_NAME = 7;
export const REFUSED_TABLE = 8;
export const REFUSED_SIZE = 9;
export const REFUSED_MEMORY = 10;
/** What kmem_cache_destroy() returns for a cache of another generation, as unsigned. */
export const CACHE_GONE = 0xffffffff;

// How hard a CPU may try for a lock: CpuArea.task_mode.
export const LOCK_BOUNDED = 1;
export const LOCK_WAIT = 2;
