/**
 * Frees of what may be no object: the twins that JavaScript calls.
 *
 * A free to the cpu slab is checked in line (in the heap, right page kind, start of an object,
 * not free already) by loads that do not lengthen the fast path's chain; whatever is not plainly
 * right there is looked at again by check_free(), which also writes down what it found.
 */
import { REFUSED_DOUBLE, REFUSED_NONE } from "../base/bug";
import { Slab, pfn_of } from "../base/layout";
import { pfn_to_page } from "../page/page";
import { free_bulk } from "../slab/bulk_free";
import { check_free, refuse, zero_or_null } from "../slab/check";
import { is_plainly_right, try_push_checked } from "../slab/fast";
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
  return try_push_checked(p) ? REFUSED_NONE : free_checked_slow(p, 0);
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

/**
 * Free `count` allocations that may be none, all of them or none: nothing is written to any before
 * each was looked at. Which were met before stands in a table of open addressing behind the array,
 * at most half full: its size is the next power of two from twice the count.
 *
 * @param wanted the cache all must be of, or 0 for any
 * @param count at most 2^28; NULL and ZERO_SIZE_PTR are skipped
 * @param array count addresses, then the words of the table, with whatever is in them
 * @returns REFUSED_* of the first bad one, whose index is then the table's first word.
 * Context: any.
 */
export function kfree_bulk_checked(wanted: usize, count: u32, array: usize): u32 {
  if (count === 0) return REFUSED_NONE;
  const shift = clz<u32>(2 * count - 1);
  const table = array + ((<usize>count) << 2);
  memory.fill(table, 0, (<usize>4) << (32 - shift));
  for (let index: u32 = 0; index < count; index++) {
    const p = <usize>load<u32>(array + ((<usize>index) << 2));
    if (zero_or_null(p)) continue;
    let refused = is_plainly_right(p, wanted) ? REFUSED_NONE : check_free(p, wanted, false);
    if (refused === REFUSED_NONE && !add_once(table, shift, p)) {
      refused = refuse(REFUSED_DOUBLE, 0, 0, p);
    }
    if (refused === REFUSED_NONE) continue;
    store<u32>(table, index);
    return refused;
  }
  free_bulk(count, array);
  return REFUSED_NONE;
}

/**
 * Add an address to a table of 2^(32 - shift) words. Fibonacci hashing: what is equally far apart,
 * as objects of slabs are, spreads evenly. Ends: the table is never full. @returns false if there.
 */
function add_once(table: usize, shift: u32, p: usize): bool {
  const mask: u32 = 0xffff_ffff >> shift;
  let at: u32 = (<u32>p * 0x9e37_79b1) >> shift;
  while (true) {
    const word = table + ((<usize>at) << 2);
    const found = <usize>load<u32>(word);
    if (found === p) return false;
    if (found === 0) {
      store<u32>(word, <u32>p);
      return true;
    }
    at = (at + 1) & mask;
  }
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
