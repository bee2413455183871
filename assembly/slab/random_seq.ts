/**
 * Freelist randomisation: the objects of a new slab are linked in an order that nobody can guess.
 *
 * Each cache has one permutation, made when it is created; each slab starts at a random place of
 * it, so that making a slab costs one draw. The draws come from the CPU's own generator, which
 * takes no lock (kernel: since the nolock patches). Kernel: mm/slub.c init_cache_random_seq(),
 * next_freelist_entry(), shuffle_freelist(); 6.18.
 */
import { HEAP_RANDOMIZE } from "../base/config";
import { KmemCache } from "../base/layout";
import { virt_to_page } from "../page/page";
import { free_pages } from "../page/page_alloc";
import { alloc_table } from "../page/table";
import { header } from "../sync/percpu";
import { next_random } from "../sync/random";

function entry(cache: KmemCache, index: u32): usize {
  return <usize>cache.random_seq + ((<usize>index) << 2);
}

/**
 * Make the permutation (Fisher and Yates) of a cache's objects, as offsets in the slab.
 *
 * Without memory for it the cache does without, as in the kernel. Context: creation.
 */
export function init_cache_random_seq(cache: KmemCache, mode: u32): void {
  const count = cache.oo & 0xffff;
  if ((header().options & HEAP_RANDOMIZE) === 0 || count < 2) return;
  cache.random_seq = <u32>alloc_table(<usize>count * 4, mode);
  if (cache.random_seq === 0) return;
  for (let i: u32 = 0; i < count; i++) {
    const other = entry(cache, next_random() % (i + 1));
    store<u32>(entry(cache, i), load<u32>(other));
    store<u32>(other, i * cache.size);
  }
}

/** Give the permutation back. Context: destruction. */
export function free_cache_random_seq(cache: KmemCache, mode: u32): void {
  if (cache.random_seq === 0) return;
  free_pages(virt_to_page(<usize>cache.random_seq), mode);
  cache.random_seq = 0;
}

/** @returns where in the permutation a new slab starts. */
export function random_start(cache: KmemCache): u32 {
  return next_random() % (cache.oo & 0xffff);
}

/**
 * @param at position in the permutation, from random_start(); moves on
 * @param limit bytes of the slab's objects: a smaller slab skips what lies beyond
 * @returns the position after the next object's. Ends: `limit` holds at least one object.
 */
export function next_freelist_entry(cache: KmemCache, at: u32, limit: u32): u32 {
  const count = cache.oo & 0xffff;
  do {
    at = at + 1 === count ? 0 : at + 1;
  } while (load<u32>(entry(cache, at)) >= limit);
  return at;
}

/** @returns offset in the slab of the object at a position of the permutation. */
export function entry_offset(cache: KmemCache, at: u32): usize {
  return <usize>load<u32>(entry(cache, at));
}
