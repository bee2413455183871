/**
 * Compile-time constants: the sizes and limits that every layer shares.
 *
 * Glossary: a *page* is 4 KiB and has one 64-byte descriptor; a *wasm page* is 64 KiB, the unit
 * of `memory.grow`; a *block* is 4 MiB, the largest buddy; a *slab* is one run of pages cut into
 * objects; a *cache* hands out objects of one size; a *CPU* is one wasm instance; a *node* is the
 * set of blocks whose number is the same modulo the number of nodes.
 *
 * Build flags (asc `--use NAME=1`): SLUB_STATS counts on the fast paths too; SLUB_DEBUG has
 * slab_debug, lockdep and stamps in free objects; SLUB_TRACE tells the host of every trace point;
 * SLUB_HARDENED can encode free pointers; SLUB_MODEL makes this_cpu operations single instructions.
 * SLUB_SHEAVES has sheaves as the per-CPU layer, SLUB_PERCPU_OPTION asks the heap which it has.
 */

/** Changes with every change of the memory layout or of an export's meaning. */
export const ABI_VERSION: u32 = 7;
/** What the page right above the reserve is filled with: a program that outgrew it is seen. */
export const RESERVE_GUARD: u32 = 0x5a;
/** "SLABLAB" and a version byte, little endian: the first eight bytes of a heap header. */
export const HEAP_MAGIC: u64 = 0x0142_414c_4241_4c53;

export const PAGE_SHIFT: u32 = 12;
export const PAGE_SIZE: usize = 1 << PAGE_SHIFT;
/** 4 KiB pages in a wasm page. */
export const PAGES_PER_WASM_PAGE: u32 = 16;
/** log2 of the largest buddy, in pages: a block of 4 MiB. */
export const MAX_PAGE_ORDER: u32 = 10;
export const BLOCK_PAGES: u32 = 1 << MAX_PAGE_ORDER;
/** Blocks in the whole of a 4 GiB memory. */
export const MAX_BLOCKS: u32 = 1024;
/** Orders 0..3 are cached by each CPU (kernel: PAGE_ALLOC_COSTLY_ORDER). */
export const PCP_ORDERS: u32 = 4;

/** What a cache line is taken to be, in bytes. */
export const CACHE_LINE: usize = 64;
export const MAX_CPUS: u32 = 256;
export const MAX_NODES: u32 = 8;
export const NUMA_NO_NODE: i32 = -1;

/** Preferred slabs are at most this order (kernel: slub_max_order). */
export const SLUB_MAX_ORDER: u32 = 3;
export const MAX_OBJS_PER_PAGE: u32 = 32767;
export const MIN_PARTIAL: u32 = 5;
export const MAX_PARTIAL: u32 = 10;
/** Largest size with a cache of its own; above it whole pages are given out. */
export const KMALLOC_MAX_CACHE_SIZE: usize = 8192;
/** kmalloc caches sit at kernel indices 1 (96), 2 (192), 3 (8) .. 13 (8192); 0 is never used. */
export const NR_KMALLOC_CACHES: u32 = 14;
/** Smallest alignment a cache gives: objects hold i64 values. */
export const ARCH_KMALLOC_MINALIGN: usize = 8;
/** kmalloc(0): not NULL, not memory, freed for nothing. */
export const ZERO_SIZE_PTR: usize = 16;

/** tid advances by this, so that tid modulo TID_STEP is the CPU (1.2 of the SLUB facts). */
export const TID_STEP: u32 = 256;

/** Bytes of a cache's name, the closing NUL included. */
export const NAME_BYTES: u32 = 32;
/**
 * "kmalloc-", little endian: how the names of all caches begin that the heap makes for itself, now
 * or when it needs them. No other cache may have such a name.
 */
export const OWN_NAMES: u64 = 0x2d63_6f6c_6c61_6d6b;

// GFP flags, kernel names; the values are ours.
export const GFP_KERNEL: u32 = 0;
export const GFP_ZERO: u32 = 0x1;
export const GFP_ACCOUNT: u32 = 0x2;

// Cache flags, kernel names; the values are ours.
export const SLAB_HWCACHE_ALIGN: u32 = 0x1;
/** Set by the allocator for the kmalloc caches. */
export const SLAB_KMALLOC: u32 = 0x2;
/** Objects can be charged to a memory control group; frees of such a cache never take the fast
 * path, because each has to ask whom its object was charged to (slab/memcg_slab.ts). */
export const SLAB_ACCOUNT: u32 = 0x4;
/** Objects are reused at once, but pages only after a grace period (slab/rcu_queue.ts). */
export const SLAB_TYPESAFE_BY_RCU: u32 = 0x8;
/** The slab word changes under a slab lock, as on a machine without a double cmpxchg. */
export const SLAB_NO_CMPXCHG: u32 = 0x10;
/** slab_debug F: check objects and lists on every allocation and free (SLUB_DEBUG builds). */
export const SLAB_CONSISTENCY_CHECKS: u32 = 0x100;
/** slab_debug Z. */
export const SLAB_RED_ZONE: u32 = 0x200;
/** slab_debug P. */
export const SLAB_POISON: u32 = 0x400;
/** slab_debug U: remember who allocated and who freed. */
export const SLAB_STORE_USER: u32 = 0x800;
/** slab_debug T: report every allocation and free. */
export const SLAB_TRACE: u32 = 0x1000;
/** slab_debug A: failslab applies to this cache. */
export const SLAB_FAILSLAB: u32 = 0x2000;
/** Set where objects really are poisoned: not those that must stay constructed. */
export const OBJECT_POISON: u32 = 0x4000;
/** slab_debug O: this cache goes without what would make its slabs larger. Records only. */
export const SLAB_KEEP_ORDER: u32 = 0x8000;
/** A cache with any of these has no cpu slabs: one object at a time, under list_lock. */
export const SLAB_DEBUG_FLAGS: u32 =
  SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE;

// What debug caches fill memory with (kernel: include/linux/poison.h).
/** Padding, and slabs that were never used. */
export const POISON_INUSE: u32 = 0x5a;
/** Objects that are free, or new and not yet written. */
export const POISON_FREE: u32 = 0x6b;
/** The last byte of such an object. */
export const POISON_END: u32 = 0xa5;
/** Red zones of a free object. */
export const SLUB_RED_INACTIVE: u32 = 0xbb;
/** Red zones of an object in use. */
export const SLUB_RED_ACTIVE: u32 = 0xcc;

// HeapHeader.options.
/** Local locks are owned by tasks, and there is no lockless fast path (kernel: PREEMPT_RT). */
export const HEAP_RT: u32 = 0x1;
/** Every cache is SLAB_NO_CMPXCHG. */
export const HEAP_NO_CMPXCHG: u32 = 0x2;
/** New slabs are linked in a shuffled order (kernel: SLAB_FREELIST_RANDOM). */
export const HEAP_RANDOMIZE: u32 = 0x4;
/** Free pointers are encoded (kernel: SLAB_FREELIST_HARDENED; SLUB_HARDENED builds). */
export const HEAP_HARDENED: u32 = 0x8;
/** Allocations fail on purpose (kernel: failslab). */
export const HEAP_FAILSLAB: u32 = 0x10;
/** Caches have sheaves (slab/sheaf.ts). */
export const HEAP_SHEAVES: u32 = 0x20;
/** Sheaves have the capacities of the kernel on 32 bits, not on 64. */
export const HEAP_SHEAF_KERNEL32: u32 = 0x40;
/** Sheaves of small objects hold so many bytes, not so many objects: slab/sheaf.ts. */
export const HEAP_SHEAF_BYTES: u32 = 0x80;
/** A CPU that may not wait refills no sheaf: slab/pcs_alloc.ts. */
export const HEAP_SHEAF_REFILL_WAITS: u32 = 0x100;
/** From this bit on: objects that every sheaf has room for at least; 0: by the objects' size. */
export const HEAP_SHEAF_CAPACITY_SHIFT: u32 = 16;

// HeapHeader.build: what of a build changes the meaning of words that other CPUs read. Encoded free
// pointers are an option of the heap; trace points and the instructions of `model` are their CPU's.
/** Every counter counts, and lists have ages (SLUB_STATS builds). */
export const BUILD_STATS: u32 = 0x1;
/** Free objects carry stamps, caches may have slab_debug (SLUB_DEBUG builds). */
export const BUILD_DEBUG: u32 = 0x2;
/** What this build is: the same in every module on one heap, which whoever attaches it checks. */
export const BUILD: u32 =
  (isDefined(SLUB_STATS) ? BUILD_STATS : 0) | (isDefined(SLUB_DEBUG) ? BUILD_DEBUG : 0);

/** A build that can have cpu slabs as the per-CPU layer: PERCPU_LAYERS. */
export const PERCPU_SLAB: u32 = 0x1;
/** One that can have sheaves. */
export const PERCPU_SHEAF: u32 = 0x2;
/** What the per-CPU layer of this build's heaps can be; where it is a choice, HEAP_SHEAVES says. */
export const PERCPU_LAYERS: u32 = isDefined(SLUB_SHEAVES)
  ? PERCPU_SHEAF
  : isDefined(SLUB_PERCPU_OPTION)
    ? PERCPU_SLAB | PERCPU_SHEAF
    : PERCPU_SLAB;

// Deferral: where an object waits that a nolock free cannot free right away: HeapHeader.defer_place
// (slab/defer.ts). What drains it is HeapHeader.defer_trigger. An arm is one of each.
/** Nowhere: freed as by an ordinary call; where even that cannot be, as DEFER_TO_CPU. */
export const DEFER_TO_NOWHERE: u32 = 0;
/** In its slab, which waits instead if it was full (slab/direct.ts); else as DEFER_TO_CPU. */
export const DEFER_TO_SLAB: u32 = 1;
/** On one list a CPU: the only one that irq_work drains. */
export const DEFER_TO_CPU: u32 = 2;
/** On one list a CPU and cache. */
export const DEFER_TO_CPU_CACHE: u32 = 3;
/** On one list a node and cache. */
export const DEFER_TO_NODE: u32 = 4;
/** On one list a cache, in its hot line. */
export const DEFER_TO_CACHE: u32 = 5;
/** On one list a cache, on a line of its own. */
export const DEFER_TO_CACHE_LINE: u32 = 6;
export const NR_DEFER_PLACES: u32 = 7;

// How hard a caller may try for a lock.
/** One try: nolock calls, irq, NMI. Never grows the memory. */
export const LOCK_TRY: u32 = 0;
/**
 * A bounded spin: tasks on a CPU that was made with `mayWait: false`. Who misses a lock so defers
 * what it wanted to do, or tries again if it wanted to know something: a miss is no answer.
 */
export const LOCK_BOUNDED: u32 = 1;
/** Spin, then `memory.atomic.wait32`. */
export const LOCK_WAIT: u32 = 2;
