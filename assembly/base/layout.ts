/**
 * The memory map: the only file that writes an address or an offset.
 *
 * ```
 * heap_base          HeapHeader, zones, size_index           2 pages
 * + 8192             KmemCache[max_caches]                   256 bytes each
 * node_table         KmemCacheNode[max_caches * nr_nodes]    64 bytes each
 * cpu_areas          CpuArea[nr_cpu_ids]                     page-aligned, cpu_area_size apart
 *                      header 1024 bytes (CpuArea, then MemcgStock, RcuData, HeldLocks, a
 *                      line each), then KmemCacheCpu[max_caches], 64 bytes each
 * mem_map            Page[maximum_pages]                     64 bytes a 4 KiB page
 * node_barns         NodeBarn[max_caches * nr_nodes]         64 bytes each; heaps with sheaves
 * page_class         u8[maximum_pages]                       the same
 * first_page         pages
 * ```
 * Below heap_base, if anything is reserved there: a page of RESERVE_GUARD right above the reserve.
 *
 * Law: a 64-byte line is written either by one CPU, or under one lock, or by anybody through
 * atomics; the comment of each struct says which. Words that other CPUs may touch at the same
 * time are read and written only through sync/atomic.ts; the rest are plain.
 * All addresses are computed from `heap_base`, so one memory can hold other programs below it.
 */
import { CACHE_LINE, PAGE_SHIFT, PAGE_SIZE } from "./config";
import { CPU_CACHES } from "./layout_percpu";

/** Boot states of HeapHeader.boot. */
export const BOOT_NONE: u32 = 0;
export const BOOT_RUNNING: u32 = 1;
export const BOOT_READY: u32 = 2;
export const BOOT_FAILED: u32 = 3;

/** Constants after boot, then written lines, each with its own lock. */
@unmanaged
export class HeapHeader {
  /** HEAP_MAGIC, written last by boot. */
  magic: u64;
  /** Address of this header: a copy of a heap elsewhere in memory is no heap. */
  self: u32;
  abi_version: u32;
  /** BOOT_*: atomic, any CPU; CPUs that come early wait on it. */
  boot: u32;
  nr_cpu_ids: u32;
  nr_nodes: u32;
  max_caches: u32;
  /** 4 KiB pages of the whole memory when fully grown. */
  maximum_pages: u32;
  /** DEFER_TO_*: where a deferred object waits. Read on slow paths only, as the next. */
  defer_place: u32;
  /** Address of the first KmemCacheNode. */
  node_table: u32;
  cpu_areas: u32;
  cpu_area_size: u32;
  mem_map: u32;
  /** Page frame number of the first page the allocator may hand out. */
  first_pfn: u32;
  /** DEFER_DRAIN_*: what drains it, by the counter of lists that were drained so. */
  defer_trigger: u32;

  // --- line 1: growth; under grow_lock, the request word by any CPU through atomics.
  grow_lock: u32;
  /** Page frame number after the last page the heap owns. */
  end_pfn: u32;
  /** Pages (a count) that a nolock caller missed; 0 = no request. */
  grow_request: u32;
  /** Times memory.grow said no. */
  grow_failures: u32;
  /** Times memory.grow said yes. */
  grows: u32;
  /** Page frame after the last that memory.grow gave, while they are being added; else 0. */
  grow_end: u32;
  growReserved1: u64;
  growReserved2: u64;
  growReserved3: u64;
  growReserved4: u64;
  growReserved5: u64;

  // --- line 2: the cache table; under slab_mutex.
  slab_mutex: u32;
  /** Table entries in use, destroyed ones included. */
  nr_caches: u32;
  /** Index of the first of the kmalloc-cg caches less one; 0 = there are none yet. */
  cg_caches: u32;
  /** Address of Memcg[MAX_MEMCGS], or 0. */
  memcg_table: u32;
  mutexReserved0: u64;
  mutexReserved1: u64;
  mutexReserved2: u64;
  mutexReserved3: u64;
  mutexReserved4: u64;
  mutexReserved5: u64;

  // --- line 3: options; constants after boot.
  /** HEAP_*, and the capacity of sheaves from HEAP_SHEAF_CAPACITY_SHIFT on. */
  options: u32;
  /** What the heap's generators start from. */
  seed: u32;
  /** failslab: an allocation fails if a random u32 is below this. */
  fail_probability: u32;
  /** failslab: only every interval-th allocation of a CPU may fail; 0 and 1 = every one. */
  fail_interval: u32;
  /** failslab: exactly the n-th allocation of each CPU fails; 0 = none. */
  fail_nth: u32;
  /** Records of slab_debug= that follow at SLAB_DEBUG_RECORDS (SLUB_DEBUG builds). */
  nr_debug_records: u32;
  /** BUILD_*: of the module that made the heap; every other must agree. */
  build: u32;
  /** slab_debug of large allocations: SLAB_*, as the host wrote it (SLUB_DEBUG builds). */
  large_debug_flags: u32;
  /** Bytes below the heap that belong to other modules. */
  reserve_bytes: u32;
  /** Address of the first NodeBarn; 0 without sheaves. */
  node_barns: u32;
  /** Address of one byte a page, from page 0 on (slab/page_class.ts); 0 without sheaves. */
  page_class: u32;
  /** Always 0: the bottom of the sheaf of who has none (slab/sheaf.ts). */
  no_sheaf: u32;
  optionsReserved3: u64;
  optionsReserved4: u64;

  // --- line 4: grace periods. rcu_gp by any CPU, atomics; from rcu_lock on an RcuQueue, of what
  // CPUs left behind that went offline.
  /** Number of the current grace period, odd, from 1. */
  rcu_gp: u32;
  rcuReserved0: u32;
  rcu_lock: u32;
  rcu_open: u32;
  rcu_next: u32;
  rcu_wait: u32;
  rcu_wait_gp: u32;
  takingReserved: u32;
  sheavesReserved: u32;
  waitingReserved: u32;
  /** Reports and repairs of slab_debug so far, a line each (SLUB_DEBUG builds). */
  slab_errors: u32;
}
if (offsetof<HeapHeader>("grow_lock") !== 64) ERROR("growth must start its own line");
if (offsetof<HeapHeader>("slab_mutex") !== 128) ERROR("slab_mutex must start its own line");
if (offsetof<HeapHeader>("options") !== 192) ERROR("options must start their own line");
if (offsetof<HeapHeader>("rcu_gp") !== 256) ERROR("rcu_gp must start its own line");

/** Offset of the records of slab_debug= from heap_base: flags, then 32 bytes of a pattern. */
export const SLAB_DEBUG_RECORDS: usize = 384;
export const SLAB_DEBUG_RECORD_BYTES: usize = 36;
/** As many as fit before ZONES. */
export const MAX_SLAB_DEBUG_RECORDS: u32 = 16;

/** Offset of Zone[MAX_NODES] from heap_base. */
export const ZONES: usize = 1024;
/** Offset of the table size class by (size + 7) / 8, one byte each, 1025 entries. */
export const SIZE_INDEX: usize = 4096;
/** Offset of KmemCache[0] from heap_base. */
export const CACHE_TABLE: usize = 8192;

/**
 * The buddy allocator of one node. Written under `lock`; `deferred` by any CPU through atomics.
 * Law: bit o of free_mask is set exactly when free_area[o] is not empty, and bit b of the block
 * map exactly when block b lies in free_area[MAX_PAGE_ORDER].
 */
@unmanaged
export class Zone {
  /** Owner CPU + 1, or 0. */
  lock: u32;
  free_mask: u32;
  /** Free pages in the buddy lists. */
  nr_free: u32;
  /** Pages given to this zone, for ever. */
  nr_managed: u32;
  /** llist of pages whose free found the zone locked (kernel: trylock_free_pages). */
  deferred: u32;
  pad: u32;
  pad1: u64;
  /** First page of each order's list, 11 words; then padding to 128 bytes. */
  free_area: u32;
}
if (offsetof<Zone>("free_area") !== 32) ERROR("free_area moved");
/** Offset of the 1024-bit map of wholly free blocks inside a Zone. */
export const ZONE_BLOCK_MAP: usize = 128;
export const ZONE_SIZE: usize = 256;

/**
 * A cache. Line 0 is read by every operation of every CPU and written only at creation, except
 * `defer_free_objects`: DEFER_TO_CACHE has its list right there, after `oo`, as version 1 of
 * the kernel patch did, and that is the line the mail thread argues about.
 */
@unmanaged
export class KmemCache {
  flags: u32;
  /** Slabs a node keeps although they are empty. */
  min_partial: u32;
  /** Bytes from one object to the next, metadata and alignment included. */
  size: u32;
  /** Bytes the user asked for. */
  object_size: u32;
  /** ceil(2^44 / size): object index = offset * reciprocal_size >> 44. */
  reciprocal_size: u64;
  /** Where the free pointer lies inside a free object, in bytes. */
  offset: u32;
  /** Free objects wanted on a CPU's partial list; 0 = no such list. */
  cpu_partial: u32;
  /** The same in slabs: what is enforced. */
  cpu_partial_slabs: u32;
  /** order << 16 | objects, of the preferred slab. */
  oo: u32;
  /** llist of deferred objects, DEFER_TO_CACHE. */
  defer_free_objects: u32;
  /** order << 16 | objects, of the smallest slab that holds one object. */
  min: u32;
  /** Nonzero when objects are constructed: the host calls the function (base/host.ts). */
  ctor: u32;
  /** Offset at which metadata starts: the end of the usable object. */
  inuse: u32;
  align: u32;
  /** Address of the statistics block: nr_cpu_ids * STAT_STRIDE bytes. */
  stat_base: u32;

  // --- line 1: creation and lookup; under slab_mutex.
  /** CACHE_*: atomic, any CPU. */
  state: u32;
  index: u32;
  refcount: u32;
  red_left_pad: u32;
  /** Secret of hardened freelists. */
  random: u32;
  sheaf_capacity: u32;
  remote_node_defrag_ratio: u32;
  /**
   * Raised when the entry becomes a cache and when that is destroyed, and never goes back: a host
   * knows by it whether this still is the cache that it opened. Under slab_mutex, read by any CPU.
   */
  generation: u32;
  name: u64;
  name1: u64;
  name2: u64;
  name3: u64;

  // --- line 2: the deferred list on a line of its own, DEFER_TO_CACHE_LINE; atomics.
  defer_own_line: u32;
  /** Clock at the list's last empty-to-non-empty edge (builds that count). */
  defer_stamp: u32;
  line2a: u64;
  line2b: u64;
  line2c: u64;
  line2d: u64;
  line2e: u64;
  line2f: u64;
  line2g: u64;

  // --- line 3: constants after creation that only new slabs need.
  /** Address of a permutation of the offsets of a slab's objects, u32 each; 0 = in order. */
  random_seq: u32;
  /** Full sheaves that a barn keeps. */
  barn_full: u32;
  /** Those that a CPU keeps below `main`. */
  pcs_full: u32;
}
if (offsetof<KmemCache>("random_seq") !== 192) ERROR("random_seq must start a line");
if (offsetof<KmemCache>("oo") !== 36) ERROR("oo moved");
if (offsetof<KmemCache>("defer_free_objects") !== 40) ERROR("v1's list must follow oo");
if (offsetof<KmemCache>("state") !== 64) ERROR("the hot line of KmemCache must be 64 bytes");
if (offsetof<KmemCache>("defer_own_line") !== 128) ERROR("defer_own_line must start a line");
export const KMEM_CACHE_SIZE: usize = 256;
export const KMEM_CACHE_SHIFT: u32 = 8;

export const CACHE_FREE: u32 = 0;
export const CACHE_LIVE: u32 = 1;
/** What kmem_cache_destroy() returns for a cache that is not there any more. */
export const CACHE_GONE: u32 = 0xffff_ffff;

/** Partial slabs of one cache on one node. Under list_lock; the llist head through atomics. */
@unmanaged
export class KmemCacheNode {
  /** Owner CPU + 1, or 0. */
  list_lock: u32;
  /** Length of the partial list; written under the lock, read early without it. */
  nr_partial: u32;
  /** First slab of the partial list, or 0. */
  partial: u32;
  /** Last slab of it, or 0. */
  partial_tail: u32;
  /** llist of deferred objects, DEFER_TO_NODE; its stamp follows. */
  defer_free_objects: u32;
  defer_stamp: u32;
  /** Slabs this node has, in any state. One i64 atomic with the next. */
  nr_slabs: u32;
  /** Objects in them. */
  total_objects: u32;
  /** First full slab of a debug cache, or 0. */
  full: u32;
  /** Slabs that were about to be counted, up or down: moves before the counts. Atomic. */
  moves: u32;
}
if (offsetof<KmemCacheNode>("nr_slabs") % 8 !== 0) ERROR("the counts of slabs must be one i64");
export const KMEM_CACHE_NODE_SIZE: usize = 64;

/**
 * What one CPU holds of one cache. Written by its CPU only, except `defer_free_objects`.
 *
 * ```
 *  63            32 31             0
 * |      tid       |    freelist    |   one i64: sync/percpu.ts this_cpu_cmpxchg_double()
 * ```
 * Law: slab == 0 implies freelist == 0; every object on freelist lies in slab.
 */
@unmanaged
export class KmemCacheCpu {
  freelist: u32;
  tid: u32;
  /**
   * Descriptor of the cpu slab (frozen), or 0; plus CPU_SLAB_ASKS in caches whose frees have
   * something to ask, so that the fast path's comparison fails there at no cost.
   */
  slab: u32;
  /** First of the percpu partial slabs, linked by Page.next; Page.slabs of it is the length. */
  partial: u32;
  /** Local lock: owner CPU + 1, or 0. Guards everything here. */
  lock: u32;
  /** Nonzero when another CPU shrinks the cache: flush at the next slow path. Atomic. */
  request: u32;
  /** llist of deferred objects, DEFER_TO_CPU_CACHE; its stamp follows. Atomic. */
  defer_free_objects: u32;
  defer_stamp: u32;
  /**
   * First object of a list that is on its way from its slab's word to `freelist`, or 0: for
   * whoever recovers this CPU. Written in the section of `lock`.
   */
  moving: u32;

  // Sheaves (kernel: struct slub_percpu_sheaves), under `sheaf_lock`: slab/sheaf.ts.
  /**
   * Address of the last object in `main`. Law: there is a word of zeros right below the first, so
   * that an empty sheaf's last object is 0.
   */
  top: u32;
  /** Address of the last slot of `main`. Equal to `top`: the sheaf is full; without one, too. */
  end: u32;
  /** The sheaf of the fast paths, or 0: none yet. Its `link` leads down to more with objects. */
  main: u32;
  /** First of the empty sheaves, or 0. */
  spare: u32;
  /** What kfree_rcu() fills, or 0. Under the lock of the CPU's RcuQueue, by any CPU. */
  rcu_free: u32;
  /** Local lock of these fields. */
  sheaf_lock: u32;
  /** A sheaf on its way between two places, or 0: for whoever recovers this CPU. */
  sheaf_in_hand: u32;
}
if (offsetof<KmemCacheCpu>() !== 64) ERROR("KmemCacheCpu is one line");
if (offsetof<KmemCacheCpu>("slab") !== 8) ERROR("freelist and tid must be one i64");
export const KMEM_CACHE_CPU_SIZE: usize = 64;
/** Low bit of KmemCacheCpu.slab: no free to this slab takes the fast path. */
export const CPU_SLAB_ASKS: u32 = 1;
/** KmemCacheCpu follows from KmemCache by a shift: 256 / 64. */
export const CACHE_TO_CPU_SHIFT: u32 = 2;

/**
 * One page, or the first page of a slab or block (kernel: struct page, struct slab).
 *
 * ```
 *  63     62        48 47      32 31             0
 * | frozen |  objects  |  inuse   |    freelist    |   one i64, only ever touched by i64 atomics
 * ```
 * Law: inuse + length of freelist == objects; while the slab is frozen, what lies on its CPU's
 * own freelist counts as in use.
 */
@unmanaged
export class Page {
  freelist: u32;
  counters: u32;
  /** Address of the KmemCache this slab belongs to. */
  slab_cache: u32;
  /** PG_*: what this page heads; 0 for the inner pages of a block. */
  kind: u32;
  /** Descriptor of the slab this page is part of, in each of its pages; 0 elsewhere. */
  head: u32;
  /** List links: buddy and pcp lists, node partial list, percpu partial list. */
  next: u32;
  prev: u32;
  /**
   * Length of the percpu partial list that starts here. PG_RCU: addresses in the page. SLUB_DEBUG
   * builds, PG_LARGE: bytes that were asked for; free pages: a mark (page/page_poison.ts).
   */
  slabs: u32;
  /** Link of CpuArea.defer_slabs, Zone.deferred and the lists of RcuQueue. */
  llnode: u32;
  /** Detached cpu freelist of a frozen slab in somebody's hand, or 0. */
  flush_freelist: u32;
  /**
   * CPU + 1 that holds this block (page/hand.ts). Of a slab: where it is on a percpu partial list,
   * on defer_slabs, or between two places; 0 for cpu slabs, full slabs and slabs on a node's list.
   * PG_INFLIGHT: always. PG_PCP, PG_RCU: the CPU whose list it is on. Others: while they come and
   * go. Written by whoever holds it, before it lets go.
   */
  in_hand: u32;
  order: u32;
  /** Pages of a large allocation above MAX_PAGE_ORDER; 0 otherwise. */
  nr_pages: u32;
  node: u32;
  /** SL_*: under list_lock. Of a large allocation: address of the Memcg it is charged to. */
  flags: u32;
  /** slab_lock of a slab without cmpxchg: owner CPU + 1, or 0. */
  lock: u32;
}
if (offsetof<Page>("slab_cache") !== 8) ERROR("freelist and counters must be one i64");
if (offsetof<Page>() !== 64) ERROR("a page descriptor is one line");
export const PAGE_DESC_SHIFT: u32 = 6;
/** A slab's descriptor is its first page's (kernel: struct slab overlays struct page). */
export type Slab = Page;

export const PG_NONE: u32 = 0;
export const PG_BUDDY: u32 = 1;
export const PG_PCP: u32 = 2;
export const PG_SLAB: u32 = 3;
export const PG_LARGE: u32 = 4;
/** The allocator's own: statistics. */
export const PG_TABLE: u32 = 5;
/** Handed out by the page allocator, owner not yet known. */
export const PG_INFLIGHT: u32 = 6;
/** Free, on Zone.deferred. */
export const PG_DEFERRED: u32 = 7;
/** Wasm pages that another module grew for itself; nr_pages of them. */
export const PG_HOLE: u32 = 8;
/**
 * Waits for a grace period (slab/rcu_queue.ts): the pages of an empty slab, or a page of the
 * addresses of `slabs` allocations. Linked by `llnode`.
 */
export const PG_RCU: u32 = 9;

/** Slab is on its node's partial list (kernel: SL_partial). */
export const SL_PARTIAL: u32 = 1;

/** Bytes of one CPU's statistics of one cache: room for 80 counters of eight (sync/stat.ts). */
export const STAT_STRIDE: usize = 640;

/** @returns `bytes` rounded up to a multiple of `align`, a power of two. */
export function align_up(bytes: usize, align: usize): usize {
  return (bytes + align - 1) & ~(align - 1);
}

/** @returns bytes of one CpuArea for `max_caches` caches. */
export function cpu_area_bytes(max_caches: u32): usize {
  return align_up(CPU_CACHES + <usize>max_caches * KMEM_CACHE_CPU_SIZE, PAGE_SIZE);
}

/** @returns offset of the node table from heap_base. */
export function node_table_offset(max_caches: u32): usize {
  return CACHE_TABLE + ((<usize>max_caches) << KMEM_CACHE_SHIFT);
}

/** @returns offset of the first CpuArea from heap_base. */
export function cpu_areas_offset(max_caches: u32, nodes: u32): usize {
  const table = <usize>max_caches * <usize>nodes * KMEM_CACHE_NODE_SIZE;
  return align_up(node_table_offset(max_caches) + table, PAGE_SIZE);
}

/** @returns offset of mem_map from heap_base; 64-bit, because bad options may overflow. */
export function mem_map_offset(max_caches: u32, nodes: u32, cpus: u32): u64 {
  return <u64>cpu_areas_offset(max_caches, nodes) + <u64>cpus * <u64>cpu_area_bytes(max_caches);
}

/** @returns bytes of the page descriptors of `pages` pages. */
export function mem_map_bytes(pages: u32): u64 {
  return (<u64>pages) << PAGE_DESC_SHIFT;
}

/**
 * @returns where a heap starts that leaves `reserve_bytes` below it: never in the null page, and
 * a page or more above the reserve, for its guard. 0, and what lies below the reserve: no room.
 *
 * One page above a multiple of a 64th of the reserve's highest power of two, at least of a page: so
 * whoever has the memory alone finds the header by 64 looks for each doubling, and need not read,
 * and so commit, what other modules only reserved (harness/heap/find.ts).
 */
export function heap_base_for(reserve_bytes: usize): usize {
  const step = max(((<usize>1) << (31 - clz<u32>(<u32>reserve_bytes | 1))) >> 6, PAGE_SIZE);
  return align_up(reserve_bytes, step) + PAGE_SIZE;
}

/** @returns the page frame number of an address. */
export function pfn_of(address: usize): u32 {
  return <u32>(address >> PAGE_SHIFT);
}

if (CACHE_LINE !== 64) ERROR("the layout is made for lines of 64 bytes");
