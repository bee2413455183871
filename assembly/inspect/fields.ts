/**
 * The field table: every field of every structure, so that a tool which has only the module and
 * the memory can read the heap and say which field an address is.
 *
 * `struct$field` = offset | size << 16 (bytes); `const$NAME` = the value. The build collects these
 * exports into the custom section `slablab.layout`: no data, no code, no export is left of them.
 * A test compares the list with base/layout.ts; counters are numbered in sync/stat.ts, in the
 * order of their definition.
 */
import {
  ABI_VERSION,
  BUILD,
  GFP_ACCOUNT,
  GFP_ZERO,
  MAX_PAGE_ORDER,
  NAME_BYTES,
  NR_DEFER_PLACES,
  NR_KMALLOC_CACHES,
  PAGE_SHIFT,
  PCP_ORDERS,
  RESERVE_GUARD,
  SLAB_ACCOUNT,
  SLAB_HWCACHE_ALIGN,
  SLAB_TYPESAFE_BY_RCU,
} from "../base/config";
import {
  CACHE_TABLE,
  HeapHeader,
  KMEM_CACHE_CPU_SIZE,
  KMEM_CACHE_NODE_SIZE,
  KMEM_CACHE_SIZE,
  KmemCache,
  KmemCacheCpu,
  KmemCacheNode,
  MAX_SLAB_DEBUG_RECORDS,
  Page,
  SLAB_DEBUG_RECORDS,
  SLAB_DEBUG_RECORD_BYTES,
  SIZE_INDEX,
  STAT_STRIDE,
  Track,
  ZONES,
  ZONE_BLOCK_MAP,
  ZONE_SIZE,
  Zone,
} from "../base/layout";
import {
  CPU_CACHES,
  CPU_HELD_LOCKS,
  CPU_MEMCG_STOCK,
  CPU_RCU,
  CPU_SCRATCH,
  CpuArea,
  DEFER_LENGTH_BUCKETS,
  HeldLocks,
  MAX_HELD_LOCKS,
  MAX_MEMCGS,
  MEMCG_SHIFT,
  Memcg,
  MemcgStock,
  RcuData,
  RcuQueue,
} from "../base/layout_percpu";

// HeapHeader
export const heap_header$magic: u32 = <u32>offsetof<HeapHeader>("magic") | (8 << 16);
export const heap_header$self: u32 = <u32>offsetof<HeapHeader>("self") | (4 << 16);
export const heap_header$abi_version: u32 = <u32>offsetof<HeapHeader>("abi_version") | (4 << 16);
export const heap_header$boot: u32 = <u32>offsetof<HeapHeader>("boot") | (4 << 16);
export const heap_header$nr_cpu_ids: u32 = <u32>offsetof<HeapHeader>("nr_cpu_ids") | (4 << 16);
export const heap_header$nr_nodes: u32 = <u32>offsetof<HeapHeader>("nr_nodes") | (4 << 16);
export const heap_header$max_caches: u32 = <u32>offsetof<HeapHeader>("max_caches") | (4 << 16);
export const heap_header$maximum_pages: u32 =
  <u32>offsetof<HeapHeader>("maximum_pages") | (4 << 16);
export const heap_header$defer_place: u32 = <u32>offsetof<HeapHeader>("defer_place") | (4 << 16);
export const heap_header$defer_trigger: u32 =
  <u32>offsetof<HeapHeader>("defer_trigger") | (4 << 16);
export const heap_header$node_table: u32 = <u32>offsetof<HeapHeader>("node_table") | (4 << 16);
export const heap_header$cpu_areas: u32 = <u32>offsetof<HeapHeader>("cpu_areas") | (4 << 16);
export const heap_header$cpu_area_size: u32 =
  <u32>offsetof<HeapHeader>("cpu_area_size") | (4 << 16);
export const heap_header$mem_map: u32 = <u32>offsetof<HeapHeader>("mem_map") | (4 << 16);
export const heap_header$first_pfn: u32 = <u32>offsetof<HeapHeader>("first_pfn") | (4 << 16);
export const heap_header$reserve_bytes: u32 =
  <u32>offsetof<HeapHeader>("reserve_bytes") | (4 << 16);
export const heap_header$grow_lock: u32 = <u32>offsetof<HeapHeader>("grow_lock") | (4 << 16);
export const heap_header$end_pfn: u32 = <u32>offsetof<HeapHeader>("end_pfn") | (4 << 16);
export const heap_header$grow_request: u32 = <u32>offsetof<HeapHeader>("grow_request") | (4 << 16);
export const heap_header$grow_failures: u32 =
  <u32>offsetof<HeapHeader>("grow_failures") | (4 << 16);
export const heap_header$grows: u32 = <u32>offsetof<HeapHeader>("grows") | (4 << 16);
export const heap_header$grow_end: u32 = <u32>offsetof<HeapHeader>("grow_end") | (4 << 16);
export const heap_header$slab_mutex: u32 = <u32>offsetof<HeapHeader>("slab_mutex") | (4 << 16);
export const heap_header$nr_caches: u32 = <u32>offsetof<HeapHeader>("nr_caches") | (4 << 16);
export const heap_header$cg_caches: u32 = <u32>offsetof<HeapHeader>("cg_caches") | (4 << 16);
export const heap_header$memcg_table: u32 = <u32>offsetof<HeapHeader>("memcg_table") | (4 << 16);
export const heap_header$options: u32 = <u32>offsetof<HeapHeader>("options") | (4 << 16);
export const heap_header$seed: u32 = <u32>offsetof<HeapHeader>("seed") | (4 << 16);
export const heap_header$fail_probability: u32 =
  <u32>offsetof<HeapHeader>("fail_probability") | (4 << 16);
export const heap_header$fail_interval: u32 =
  <u32>offsetof<HeapHeader>("fail_interval") | (4 << 16);
export const heap_header$fail_nth: u32 = <u32>offsetof<HeapHeader>("fail_nth") | (4 << 16);
export const heap_header$nr_debug_records: u32 =
  <u32>offsetof<HeapHeader>("nr_debug_records") | (4 << 16);
export const heap_header$build: u32 = <u32>offsetof<HeapHeader>("build") | (4 << 16);
export const heap_header$large_debug_flags: u32 =
  <u32>offsetof<HeapHeader>("large_debug_flags") | (4 << 16);
export const heap_header$rcu_gp: u32 = <u32>offsetof<HeapHeader>("rcu_gp") | (4 << 16);
export const heap_header$rcu_lock: u32 = <u32>offsetof<HeapHeader>("rcu_lock") | (4 << 16);
export const heap_header$rcu_open: u32 = <u32>offsetof<HeapHeader>("rcu_open") | (4 << 16);
export const heap_header$rcu_next: u32 = <u32>offsetof<HeapHeader>("rcu_next") | (4 << 16);
export const heap_header$rcu_wait: u32 = <u32>offsetof<HeapHeader>("rcu_wait") | (4 << 16);
export const heap_header$rcu_wait_gp: u32 = <u32>offsetof<HeapHeader>("rcu_wait_gp") | (4 << 16);
export const heap_header$slab_errors: u32 = <u32>offsetof<HeapHeader>("slab_errors") | (4 << 16);

// Zone
export const zone$lock: u32 = <u32>offsetof<Zone>("lock") | (4 << 16);
export const zone$free_mask: u32 = <u32>offsetof<Zone>("free_mask") | (4 << 16);
export const zone$nr_free: u32 = <u32>offsetof<Zone>("nr_free") | (4 << 16);
export const zone$nr_managed: u32 = <u32>offsetof<Zone>("nr_managed") | (4 << 16);
export const zone$deferred: u32 = <u32>offsetof<Zone>("deferred") | (4 << 16);
export const zone$free_area: u32 = <u32>offsetof<Zone>("free_area") | (4 << 16);

// KmemCache
export const kmem_cache$flags: u32 = <u32>offsetof<KmemCache>("flags") | (4 << 16);
export const kmem_cache$min_partial: u32 = <u32>offsetof<KmemCache>("min_partial") | (4 << 16);
export const kmem_cache$size: u32 = <u32>offsetof<KmemCache>("size") | (4 << 16);
export const kmem_cache$object_size: u32 = <u32>offsetof<KmemCache>("object_size") | (4 << 16);
export const kmem_cache$reciprocal_size: u32 =
  <u32>offsetof<KmemCache>("reciprocal_size") | (8 << 16);
export const kmem_cache$offset: u32 = <u32>offsetof<KmemCache>("offset") | (4 << 16);
export const kmem_cache$cpu_partial: u32 = <u32>offsetof<KmemCache>("cpu_partial") | (4 << 16);
export const kmem_cache$cpu_partial_slabs: u32 =
  <u32>offsetof<KmemCache>("cpu_partial_slabs") | (4 << 16);
export const kmem_cache$oo: u32 = <u32>offsetof<KmemCache>("oo") | (4 << 16);
export const kmem_cache$defer_free_objects: u32 =
  <u32>offsetof<KmemCache>("defer_free_objects") | (4 << 16);
export const kmem_cache$min: u32 = <u32>offsetof<KmemCache>("min") | (4 << 16);
export const kmem_cache$ctor: u32 = <u32>offsetof<KmemCache>("ctor") | (4 << 16);
export const kmem_cache$inuse: u32 = <u32>offsetof<KmemCache>("inuse") | (4 << 16);
export const kmem_cache$align: u32 = <u32>offsetof<KmemCache>("align") | (4 << 16);
export const kmem_cache$stat_base: u32 = <u32>offsetof<KmemCache>("stat_base") | (4 << 16);
export const kmem_cache$state: u32 = <u32>offsetof<KmemCache>("state") | (4 << 16);
export const kmem_cache$index: u32 = <u32>offsetof<KmemCache>("index") | (4 << 16);
export const kmem_cache$refcount: u32 = <u32>offsetof<KmemCache>("refcount") | (4 << 16);
export const kmem_cache$red_left_pad: u32 = <u32>offsetof<KmemCache>("red_left_pad") | (4 << 16);
export const kmem_cache$random: u32 = <u32>offsetof<KmemCache>("random") | (4 << 16);
export const kmem_cache$sheaf_capacity: u32 =
  <u32>offsetof<KmemCache>("sheaf_capacity") | (4 << 16);
export const kmem_cache$remote_node_defrag_ratio: u32 =
  <u32>offsetof<KmemCache>("remote_node_defrag_ratio") | (4 << 16);
export const kmem_cache$generation: u32 = <u32>offsetof<KmemCache>("generation") | (4 << 16);
export const kmem_cache$name: u32 = <u32>offsetof<KmemCache>("name") | (8 << 16);
export const kmem_cache$name1: u32 = <u32>offsetof<KmemCache>("name1") | (8 << 16);
export const kmem_cache$name2: u32 = <u32>offsetof<KmemCache>("name2") | (8 << 16);
export const kmem_cache$name3: u32 = <u32>offsetof<KmemCache>("name3") | (8 << 16);
export const kmem_cache$defer_own_line: u32 =
  <u32>offsetof<KmemCache>("defer_own_line") | (4 << 16);
export const kmem_cache$defer_stamp: u32 = <u32>offsetof<KmemCache>("defer_stamp") | (4 << 16);
export const kmem_cache$random_seq: u32 = <u32>offsetof<KmemCache>("random_seq") | (4 << 16);

// KmemCacheNode
export const kmem_cache_node$list_lock: u32 = <u32>offsetof<KmemCacheNode>("list_lock") | (4 << 16);
export const kmem_cache_node$nr_partial: u32 =
  <u32>offsetof<KmemCacheNode>("nr_partial") | (4 << 16);
export const kmem_cache_node$partial: u32 = <u32>offsetof<KmemCacheNode>("partial") | (4 << 16);
export const kmem_cache_node$partial_tail: u32 =
  <u32>offsetof<KmemCacheNode>("partial_tail") | (4 << 16);
export const kmem_cache_node$defer_free_objects: u32 =
  <u32>offsetof<KmemCacheNode>("defer_free_objects") | (4 << 16);
export const kmem_cache_node$defer_stamp: u32 =
  <u32>offsetof<KmemCacheNode>("defer_stamp") | (4 << 16);
export const kmem_cache_node$nr_slabs: u32 = <u32>offsetof<KmemCacheNode>("nr_slabs") | (4 << 16);
export const kmem_cache_node$total_objects: u32 =
  <u32>offsetof<KmemCacheNode>("total_objects") | (4 << 16);
export const kmem_cache_node$full: u32 = <u32>offsetof<KmemCacheNode>("full") | (4 << 16);
export const kmem_cache_node$moves: u32 = <u32>offsetof<KmemCacheNode>("moves") | (4 << 16);

// KmemCacheCpu
export const kmem_cache_cpu$freelist: u32 = <u32>offsetof<KmemCacheCpu>("freelist") | (4 << 16);
export const kmem_cache_cpu$tid: u32 = <u32>offsetof<KmemCacheCpu>("tid") | (4 << 16);
export const kmem_cache_cpu$slab: u32 = <u32>offsetof<KmemCacheCpu>("slab") | (4 << 16);
export const kmem_cache_cpu$partial: u32 = <u32>offsetof<KmemCacheCpu>("partial") | (4 << 16);
export const kmem_cache_cpu$lock: u32 = <u32>offsetof<KmemCacheCpu>("lock") | (4 << 16);
export const kmem_cache_cpu$request: u32 = <u32>offsetof<KmemCacheCpu>("request") | (4 << 16);
export const kmem_cache_cpu$defer_free_objects: u32 =
  <u32>offsetof<KmemCacheCpu>("defer_free_objects") | (4 << 16);
export const kmem_cache_cpu$defer_stamp: u32 =
  <u32>offsetof<KmemCacheCpu>("defer_stamp") | (4 << 16);
export const kmem_cache_cpu$moving: u32 = <u32>offsetof<KmemCacheCpu>("moving") | (4 << 16);

// Page
export const page$freelist: u32 = <u32>offsetof<Page>("freelist") | (4 << 16);
export const page$counters: u32 = <u32>offsetof<Page>("counters") | (4 << 16);
export const page$slab_cache: u32 = <u32>offsetof<Page>("slab_cache") | (4 << 16);
export const page$kind: u32 = <u32>offsetof<Page>("kind") | (4 << 16);
export const page$head: u32 = <u32>offsetof<Page>("head") | (4 << 16);
export const page$next: u32 = <u32>offsetof<Page>("next") | (4 << 16);
export const page$prev: u32 = <u32>offsetof<Page>("prev") | (4 << 16);
export const page$slabs: u32 = <u32>offsetof<Page>("slabs") | (4 << 16);
export const page$llnode: u32 = <u32>offsetof<Page>("llnode") | (4 << 16);
export const page$flush_freelist: u32 = <u32>offsetof<Page>("flush_freelist") | (4 << 16);
export const page$in_hand: u32 = <u32>offsetof<Page>("in_hand") | (4 << 16);
export const page$order: u32 = <u32>offsetof<Page>("order") | (4 << 16);
export const page$nr_pages: u32 = <u32>offsetof<Page>("nr_pages") | (4 << 16);
export const page$node: u32 = <u32>offsetof<Page>("node") | (4 << 16);
export const page$flags: u32 = <u32>offsetof<Page>("flags") | (4 << 16);
export const page$lock: u32 = <u32>offsetof<Page>("lock") | (4 << 16);

// Track
export const track$op: u32 = <u32>offsetof<Track>("op") | (4 << 16);
export const track$cpu: u32 = <u32>offsetof<Track>("cpu") | (4 << 16);
export const track$pid: u32 = <u32>offsetof<Track>("pid") | (4 << 16);
export const track$when: u32 = <u32>offsetof<Track>("when") | (4 << 16);

// CpuArea
export const cpu_area$preempt_count: u32 = <u32>offsetof<CpuArea>("preempt_count") | (4 << 16);
export const cpu_area$cpu: u32 = <u32>offsetof<CpuArea>("cpu") | (4 << 16);
export const cpu_area$task_mode: u32 = <u32>offsetof<CpuArea>("task_mode") | (4 << 16);
export const cpu_area$node: u32 = <u32>offsetof<CpuArea>("node") | (4 << 16);
export const cpu_area$thread: u32 = <u32>offsetof<CpuArea>("thread") | (4 << 16);
export const cpu_area$ops: u32 = <u32>offsetof<CpuArea>("ops") | (4 << 16);
export const cpu_area$migrate_to: u32 = <u32>offsetof<CpuArea>("migrate_to") | (4 << 16);
export const cpu_area$random: u32 = <u32>offsetof<CpuArea>("random") | (4 << 16);
export const cpu_area$current: u32 = <u32>offsetof<CpuArea>("current") | (4 << 16);
export const cpu_area$memcg: u32 = <u32>offsetof<CpuArea>("memcg") | (4 << 16);
export const cpu_area$fail_seen: u32 = <u32>offsetof<CpuArea>("fail_seen") | (4 << 16);
export const cpu_area$fail_done: u32 = <u32>offsetof<CpuArea>("fail_done") | (4 << 16);
export const cpu_area$state: u32 = <u32>offsetof<CpuArea>("state") | (4 << 16);
export const cpu_area$drain_seq: u32 = <u32>offsetof<CpuArea>("drain_seq") | (4 << 16);
export const cpu_area$drain_depth: u32 = <u32>offsetof<CpuArea>("drain_depth") | (4 << 16);
export const cpu_area$slabs_lock: u32 = <u32>offsetof<CpuArea>("slabs_lock") | (4 << 16);
export const cpu_area$claiming: u32 = <u32>offsetof<CpuArea>("claiming") | (4 << 16);
export const cpu_area$defer_objects: u32 = <u32>offsetof<CpuArea>("defer_objects") | (4 << 16);
export const cpu_area$defer_slabs: u32 = <u32>offsetof<CpuArea>("defer_slabs") | (4 << 16);
export const cpu_area$irq_pending: u32 = <u32>offsetof<CpuArea>("irq_pending") | (4 << 16);
export const cpu_area$defer_stamp: u32 = <u32>offsetof<CpuArea>("defer_stamp") | (4 << 16);
export const cpu_area$drain_rest: u32 = <u32>offsetof<CpuArea>("drain_rest") | (4 << 16);
export const cpu_area$pcp_lock: u32 = <u32>offsetof<CpuArea>("pcp_lock") | (4 << 16);
export const cpu_area$pcp_list: u32 = <u32>offsetof<CpuArea>("pcp_list") | (4 << 16);
export const cpu_area$pcp_list1: u32 = <u32>offsetof<CpuArea>("pcp_list1") | (4 << 16);
export const cpu_area$pcp_list2: u32 = <u32>offsetof<CpuArea>("pcp_list2") | (4 << 16);
export const cpu_area$pcp_list3: u32 = <u32>offsetof<CpuArea>("pcp_list3") | (4 << 16);
export const cpu_area$pcp_count: u32 = <u32>offsetof<CpuArea>("pcp_count") | (4 << 16);
export const cpu_area$pcp_count1: u32 = <u32>offsetof<CpuArea>("pcp_count1") | (4 << 16);
export const cpu_area$pcp_count2: u32 = <u32>offsetof<CpuArea>("pcp_count2") | (4 << 16);
export const cpu_area$pcp_count3: u32 = <u32>offsetof<CpuArea>("pcp_count3") | (4 << 16);
export const cpu_area$bug_code: u32 = <u32>offsetof<CpuArea>("bug_code") | (4 << 16);
export const cpu_area$bug_cache: u32 = <u32>offsetof<CpuArea>("bug_cache") | (4 << 16);
export const cpu_area$bug_slab: u32 = <u32>offsetof<CpuArea>("bug_slab") | (4 << 16);
export const cpu_area$bug_object: u32 = <u32>offsetof<CpuArea>("bug_object") | (4 << 16);
export const cpu_area$defer_lengths: u32 = <u32>offsetof<CpuArea>("defer_lengths") | (8 << 16);

// MemcgStock
export const memcg_stock$lock: u32 = <u32>offsetof<MemcgStock>("lock") | (4 << 16);
export const memcg_stock$moves: u32 = <u32>offsetof<MemcgStock>("moves") | (4 << 16);
export const memcg_stock$memcg: u32 = <u32>offsetof<MemcgStock>("memcg") | (4 << 16);
export const memcg_stock$bytes: u32 = <u32>offsetof<MemcgStock>("bytes") | (4 << 16);

// Memcg
export const memcg$state: u32 = <u32>offsetof<Memcg>("state") | (4 << 16);
export const memcg$limit_pages: u32 = <u32>offsetof<Memcg>("limit_pages") | (4 << 16);
export const memcg$usage_pages: u32 = <u32>offsetof<Memcg>("usage_pages") | (4 << 16);
export const memcg$max_usage_pages: u32 = <u32>offsetof<Memcg>("max_usage_pages") | (4 << 16);
export const memcg$nr_charged_bytes: u32 = <u32>offsetof<Memcg>("nr_charged_bytes") | (4 << 16);
export const memcg$failcnt: u32 = <u32>offsetof<Memcg>("failcnt") | (4 << 16);
export const memcg$generation: u32 = <u32>offsetof<Memcg>("generation") | (4 << 16);
export const memcg$name: u32 = <u32>offsetof<Memcg>("name") | (8 << 16);
export const memcg$name1: u32 = <u32>offsetof<Memcg>("name1") | (8 << 16);
export const memcg$name2: u32 = <u32>offsetof<Memcg>("name2") | (8 << 16);
export const memcg$name3: u32 = <u32>offsetof<Memcg>("name3") | (8 << 16);

// RcuData
export const rcu_data$reader: u32 = <u32>offsetof<RcuData>("reader") | (4 << 16);
export const rcu_data$nesting: u32 = <u32>offsetof<RcuData>("nesting") | (4 << 16);
export const rcu_data$lock: u32 = <u32>offsetof<RcuData>("lock") | (4 << 16);
export const rcu_data$open: u32 = <u32>offsetof<RcuData>("open") | (4 << 16);
export const rcu_data$next: u32 = <u32>offsetof<RcuData>("next") | (4 << 16);
export const rcu_data$wait: u32 = <u32>offsetof<RcuData>("wait") | (4 << 16);
export const rcu_data$wait_gp: u32 = <u32>offsetof<RcuData>("wait_gp") | (4 << 16);

// RcuQueue
export const rcu_queue$lock: u32 = <u32>offsetof<RcuQueue>("lock") | (4 << 16);
export const rcu_queue$open: u32 = <u32>offsetof<RcuQueue>("open") | (4 << 16);
export const rcu_queue$next: u32 = <u32>offsetof<RcuQueue>("next") | (4 << 16);
export const rcu_queue$wait: u32 = <u32>offsetof<RcuQueue>("wait") | (4 << 16);
export const rcu_queue$wait_gp: u32 = <u32>offsetof<RcuQueue>("wait_gp") | (4 << 16);
export const rcu_queue$taking: u32 = <u32>offsetof<RcuQueue>("taking") | (4 << 16);

// HeldLocks
export const held_locks$depth: u32 = <u32>offsetof<HeldLocks>("depth") | (4 << 16);
export const held_locks$first: u32 = <u32>offsetof<HeldLocks>("first") | (4 << 16);

// Sizes, places and limits.
export const const$ABI_VERSION: u32 = <u32>ABI_VERSION;
export const const$BUILD: u32 = <u32>BUILD;
export const const$PAGE_SHIFT: u32 = <u32>PAGE_SHIFT;
export const const$MAX_PAGE_ORDER: u32 = <u32>MAX_PAGE_ORDER;
export const const$PCP_ORDERS: u32 = <u32>PCP_ORDERS;
export const const$NR_KMALLOC_CACHES: u32 = <u32>NR_KMALLOC_CACHES;
export const const$NAME_BYTES: u32 = <u32>NAME_BYTES;
export const const$GFP_ZERO: u32 = <u32>GFP_ZERO;
export const const$GFP_ACCOUNT: u32 = <u32>GFP_ACCOUNT;
export const const$SLAB_HWCACHE_ALIGN: u32 = <u32>SLAB_HWCACHE_ALIGN;
export const const$SLAB_ACCOUNT: u32 = <u32>SLAB_ACCOUNT;
export const const$SLAB_TYPESAFE_BY_RCU: u32 = SLAB_TYPESAFE_BY_RCU;
export const const$NR_DEFER_PLACES: u32 = <u32>NR_DEFER_PLACES;
export const const$RESERVE_GUARD: u32 = <u32>RESERVE_GUARD;
export const const$SIZE_INDEX: u32 = <u32>SIZE_INDEX;
export const const$ZONES: u32 = <u32>ZONES;
export const const$ZONE_SIZE: u32 = <u32>ZONE_SIZE;
export const const$ZONE_BLOCK_MAP: u32 = <u32>ZONE_BLOCK_MAP;
export const const$CACHE_TABLE: u32 = <u32>CACHE_TABLE;
export const const$KMEM_CACHE_SIZE: u32 = <u32>KMEM_CACHE_SIZE;
export const const$KMEM_CACHE_NODE_SIZE: u32 = <u32>KMEM_CACHE_NODE_SIZE;
export const const$KMEM_CACHE_CPU_SIZE: u32 = <u32>KMEM_CACHE_CPU_SIZE;
export const const$CPU_SCRATCH: u32 = <u32>CPU_SCRATCH;
export const const$CPU_CACHES: u32 = <u32>CPU_CACHES;
export const const$CPU_MEMCG_STOCK: u32 = <u32>CPU_MEMCG_STOCK;
export const const$CPU_RCU: u32 = <u32>CPU_RCU;
export const const$CPU_HELD_LOCKS: u32 = <u32>CPU_HELD_LOCKS;
export const const$MAX_HELD_LOCKS: u32 = <u32>MAX_HELD_LOCKS;
export const const$MAX_MEMCGS: u32 = <u32>MAX_MEMCGS;
export const const$MEMCG_SHIFT: u32 = <u32>MEMCG_SHIFT;
export const const$SLAB_DEBUG_RECORDS: u32 = <u32>SLAB_DEBUG_RECORDS;
export const const$SLAB_DEBUG_RECORD_BYTES: u32 = <u32>SLAB_DEBUG_RECORD_BYTES;
export const const$MAX_SLAB_DEBUG_RECORDS: u32 = <u32>MAX_SLAB_DEBUG_RECORDS;
export const const$STAT_STRIDE: u32 = <u32>STAT_STRIDE;
export const const$DEFER_LENGTH_BUCKETS: u32 = <u32>DEFER_LENGTH_BUCKETS;

// Which build this is: 1 where the flag was set.
export const const$SLUB_STATS: u32 = isDefined(SLUB_STATS) ? 1 : 0;
export const const$SLUB_TRACE: u32 = isDefined(SLUB_TRACE) ? 1 : 0;
export const const$SLUB_HARDENED: u32 = isDefined(SLUB_HARDENED) ? 1 : 0;
export const const$SLUB_DEBUG: u32 = isDefined(SLUB_DEBUG) ? 1 : 0;
export const const$SLUB_MODEL: u32 = isDefined(SLUB_MODEL) ? 1 : 0;
