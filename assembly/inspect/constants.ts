/**
 * Sizes, places and limits that a tool needs beside the fields of the structs: constants that the
 * build moves from the exports into the custom section `slablab.layout` (.tools/layout.mjs).
 *
 * Counters are numbered in sync/stat.ts, in the order of their definition.
 */
export {
  ABI_VERSION,
  BUILD,
  GFP_ACCOUNT,
  GFP_ZERO,
  MAX_PAGE_ORDER,
  NAME_BYTES,
  NR_DEFER_PLACES,
  NR_KMALLOC_CACHES,
  PAGE_SHIFT,
  PERCPU_LAYERS,
  PCP_ORDERS,
  RESERVE_GUARD,
  SLAB_ACCOUNT,
  SLAB_HWCACHE_ALIGN,
  SLAB_TYPESAFE_BY_RCU,
} from "../base/config";
export {
  CACHE_TABLE,
  KMEM_CACHE_CPU_SIZE,
  KMEM_CACHE_NODE_SIZE,
  KMEM_CACHE_SIZE,
  MAX_SLAB_DEBUG_RECORDS,
  SIZE_INDEX,
  SLAB_DEBUG_RECORDS,
  SLAB_DEBUG_RECORD_BYTES,
  STAT_STRIDE,
  ZONES,
  ZONE_BLOCK_MAP,
  ZONE_SIZE,
} from "../base/layout";
export {
  BULK_WORDS,
  CPU_BULK,
  CPU_CACHES,
  CPU_HELD_LOCKS,
  CPU_MEMCG_STOCK,
  CPU_RCU,
  CPU_SCRATCH,
  DEFER_LENGTH_BUCKETS,
  MAX_HELD_LOCKS,
  MAX_MEMCGS,
  MEMCG_SHIFT,
} from "../base/layout_percpu";
export { MAX_SHEAF_CAPACITY, NODE_BARN_SIZE, SHEAF_OBJECTS } from "../base/layout_sheaf";
