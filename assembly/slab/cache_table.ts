/** The cache table: its entries, whether they are in use, and which one serves a size. */
import { CACHE_LIVE, CACHE_TABLE, KMEM_CACHE_SHIFT, KmemCache, SIZE_INDEX } from "../base/layout";
import { read_once, write_once } from "../sync/atomic";
import { heap_base } from "../sync/percpu";

/** @returns entry `index` of the table. */
export function cache_at(index: u32): KmemCache {
  return changetype<KmemCache>(heap_base + CACHE_TABLE + ((<usize>index) << KMEM_CACHE_SHIFT));
}

/** @returns CACHE_*. Context: any. */
export function cache_state(cache: KmemCache): u32 {
  return read_once(changetype<usize>(cache) + offsetof<KmemCache>("state"));
}

export function set_cache_state(cache: KmemCache, state: u32): void {
  write_once(changetype<usize>(cache) + offsetof<KmemCache>("state"), state);
}

/** @returns entry `index` if it is live, else 0. Context: any. */
export function live_cache(index: u32): usize {
  const cache = cache_at(index);
  return cache_state(cache) === CACHE_LIVE ? changetype<usize>(cache) : 0;
}

/** @returns the object size of kmalloc bucket `index`, 1 .. 13. */
export function bucket_size(index: u32): u32 {
  if (index === 1) return 96;
  if (index === 2) return 192;
  return 1 << index;
}

/** @returns the index of the cache that serves `size`, at most KMALLOC_MAX_CACHE_SIZE; 0 for 0. */
export function size_index(base: usize, size: usize): usize {
  return <usize>load<u8>(base + ((size + 7) >> 3), SIZE_INDEX);
}
