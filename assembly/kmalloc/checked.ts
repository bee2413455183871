/**
 * Frees of what may be no object: the twins that JavaScript calls.
 *
 * A free to the cpu slab is checked in line (in the heap, right page kind, start of an object,
 * not free already) by loads that do not lengthen the fast path's chain; whatever is not plainly
 * right there is looked at again by check_free(), which also writes down what it found.
 */
import { REFUSED_NONE } from "../base/bug";
import { KmemCache, Slab, pfn_of } from "../base/layout";
import { virt_to_page } from "../page/page";
import { check_free } from "../slab/check";
import { try_push } from "../slab/fast";
import { index_to_obj, obj_to_index } from "../slab/object";
import { slab_word, word_freelist, word_objects } from "../slab/slab";
import { preempt_count } from "../sync/context";
import { header, this_cpu_cache } from "../sync/percpu";
import { kfree } from "./kmalloc";
import { kfree_nolock } from "./nolock";

/**
 * Free `p` if it is plainly an object of the cpu slab that is not free.
 *
 * @param wanted the cache it must belong to, or 0 for any
 * @returns false with nothing changed if it is not, or not plainly. Context: any.
 */
function try_free_checked(p: usize, wanted: usize): bool {
  if (isDefined(SLUB_DEBUG)) return false;
  const pfn = pfn_of(p);
  if (preempt_count() !== 0 || pfn >= header().maximum_pages) return false;
  const address = <usize>virt_to_page(p).head;
  if (address === 0) return false;
  const slab = changetype<Slab>(address);
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  const c = this_cpu_cache(cache);
  if (<usize>c.slab !== address || <usize>c.freelist === p) return false;
  const index = obj_to_index(cache, slab, p);
  const word = slab_word(slab);
  if (index_to_obj(cache, slab, index) !== p || index >= word_objects(word)) return false;
  if (word_freelist(word) === p || (wanted !== 0 && wanted !== changetype<usize>(cache))) {
    return false;
  }
  return try_push(cache, address, p);
}

function free_checked_slow(p: usize, wanted: usize): u32 {
  const refused = check_free(p, wanted, false);
  if (refused === REFUSED_NONE) kfree(p);
  return refused;
}

/** kfree() of what may be no object. @returns REFUSED_*; if not 0 nothing happened. */
export function kfree_checked(p: usize): u32 {
  return try_free_checked(p, 0) ? REFUSED_NONE : free_checked_slow(p, 0);
}

/** kfree_nolock() of what may be no object. @returns REFUSED_*. */
export function kfree_nolock_checked(p: usize): u32 {
  const refused = check_free(p, 0, true);
  if (refused === REFUSED_NONE) kfree_nolock(p);
  return refused;
}

/** @returns REFUSED_* for an address that kfree_checked() would refuse. */
export function check_object(p: usize): u32 {
  return check_free(p, 0, false);
}

/** kmem_cache_free() of what may be no object of `cache`. @returns REFUSED_*. */
export function kmem_cache_free_checked(cache: usize, p: usize): u32 {
  return try_free_checked(p, cache) ? REFUSED_NONE : free_checked_slow(p, cache);
}

/** kmem_cache_free_nolock() of what may be no object of `cache`. @returns REFUSED_*. */
export function kmem_cache_free_nolock_checked(cache: usize, p: usize): u32 {
  const refused = check_free(p, cache, true);
  if (refused === REFUSED_NONE) kfree_nolock(p);
  return refused;
}
