/**
 * Frees of what may be no object: the twins that JavaScript calls.
 *
 * A free to the cpu slab is checked in line (in the heap, right page kind, start of an object,
 * not free already) by loads that do not lengthen the fast path's chain; whatever is not plainly
 * right there is looked at again by check_free(), which also writes down what it found.
 */
import { REFUSED_NONE } from "../base/bug";
import { Slab, pfn_of } from "../base/layout";
import { pfn_to_page } from "../page/page";
import { check_free } from "../slab/check";
import { try_push_checked } from "../slab/fast";
import { push_sheaf_checked } from "../slab/pcs_fast";
import { has_sheaves } from "../slab/sheaf";
import { header } from "../sync/percpu";
import { kfree } from "./kmalloc";
import { kfree_nolock } from "./nolock";

/** The slow half: look properly, write down what was found, and free what is right after all. */
function free_checked_slow(p: usize, wanted: usize): u32 {
  const refused = check_free(p, wanted, false);
  if (refused === REFUSED_NONE) kfree(p);
  return refused;
}

/** kfree() of what may be no object. @returns REFUSED_*; if not 0 nothing happened. */
export function kfree_checked(p: usize): u32 {
  const done = isDefined(SLUB_SHEAVES)
    ? push_sheaf_checked(p)
    : !has_sheaves() && try_push_checked(p);
  return done ? REFUSED_NONE : free_checked_slow(p, 0);
}

/** kfree_nolock() of what may be no object. @returns REFUSED_*. */
export function kfree_nolock_checked(p: usize): u32 {
  const refused = check_free(p, 0, true);
  if (refused === REFUSED_NONE) kfree_nolock(p);
  return refused;
}

/** @returns REFUSED_* for an address that a checked free to `wanted`, or 0 for any, refuses. */
export function check_object(p: usize, wanted: usize): u32 {
  return check_free(p, wanted, false);
}

/** kmem_cache_free() of what may be no object of `cache`. @returns REFUSED_*. */
export function kmem_cache_free_checked(cache: usize, p: usize): u32 {
  const pfn = pfn_of(p);
  const slab = pfn < header().maximum_pages ? <usize>pfn_to_page(pfn).head : 0;
  if (slab === 0 || <usize>changetype<Slab>(slab).slab_cache !== cache) {
    return free_checked_slow(p, cache);
  }
  return kfree_checked(p);
}

/** kmem_cache_free_nolock() of what may be no object of `cache`. @returns REFUSED_*. */
export function kmem_cache_free_nolock_checked(cache: usize, p: usize): u32 {
  const refused = check_free(p, cache, true);
  if (refused === REFUSED_NONE) kfree_nolock(p);
  return refused;
}
