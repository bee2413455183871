/**
 * Is an object of a debug cache free already: on its slab's freelist, or waiting on a deferred
 * list? (SLUB_DEBUG builds.)
 *
 * Freeing it once more would put it onto a list twice, or cut the list it is on. Lists of other
 * CPUs are read without any lock, as they are: whatever a link leads to is checked before it is
 * followed, and the walk is bounded. A list that is drained meanwhile may hide the object, never
 * another one. Ours: the kernel has no such check.
 */
import { KmemCache, Slab, pfn_of } from "../base/layout";
import { end_pfn } from "../page/grow";
import { page_slab, virt_to_page } from "../page/page";
import { read_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { header, per_cpu } from "../sync/percpu";
import { check_valid_pointer } from "./debug_check";
import { is_debug_cache } from "./debug_layout";
import { deferred_list } from "./defer";
import { slab_node } from "./kmem_cache_node";
import { get_freepointer } from "./object";
import { list_lock_to_look, list_unlock } from "./section";
import { slab_word, word_freelist, word_objects } from "./slab";

/** Links that are followed: more objects than that hardly wait anywhere. */
const STEPS: u32 = 1 << 16;

/** @returns true if the free pointer slot `slot` is a link of `list`. */
function waits_on(list: usize, slot: usize): bool {
  let link = <usize>read_once(list);
  for (let left = STEPS; link !== 0 && left > 0; left--) {
    if (link === slot) return true;
    if (pfn_of(link) >= end_pfn() || page_slab(virt_to_page(link)) === 0) return false;
    link = <usize>load<u32>(link);
  }
  return false;
}

/** @returns true if `object` was freed and waits; false for caches that are no debug caches. */
export function debug_is_deferred(cache: KmemCache, slab: Slab, object: usize): bool {
  if (!is_debug_cache(cache)) return false;
  const cpus = header().nr_cpu_ids;
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    if (waits_on(deferred_list(per_cpu(cpu), cache, slab.node), object + cache.offset)) return true;
  }
  return false;
}

/**
 * @returns true if `object` is on its slab's freelist; false for caches that are no debug caches,
 * and where list_lock is not to be had. Context: any; reports nothing.
 */
export function debug_on_freelist(cache: KmemCache, slab: Slab, object: usize): bool {
  if (!is_debug_cache(cache)) return false;
  const node = slab_node(cache, slab);
  if (!list_lock_to_look(node, lock_mode())) return false;
  const found = is_on_list(cache, slab, object);
  list_unlock(node);
  return found;
}

/** The same without reports, repairs and locks: a damaged list ends where it is. */
export function is_on_list(cache: KmemCache, slab: Slab, search: usize): bool {
  let object = word_freelist(slab_word(slab));
  let left = word_objects(slab_word(slab));
  while (object !== 0 && object !== search && left > 0) {
    if (!check_valid_pointer(cache, slab, object)) return false;
    object = get_freepointer(cache, object);
    left--;
  }
  return object === search;
}
