/**
 * Is this address something that may be freed? The checks behind every free that comes from
 * JavaScript, in every build.
 *
 * All of it is reading: a refused free leaves the heap as it was. Pages are asked with atomic
 * loads, because a wild address may point into a page that another CPU is just giving away.
 * Kernel: mm/slub.c free_debug_processing(), check_valid_pointer(), in spirit.
 */
import {
  REFUSED_DOUBLE,
  REFUSED_FOREIGN,
  REFUSED_FREE_PAGE,
  REFUSED_INTERIOR,
  REFUSED_LARGE_NOLOCK,
  REFUSED_NONE,
  REFUSED_WILD,
} from "../base/bug";
import { ZERO_SIZE_PTR } from "../base/config";
import { KmemCache, PG_LARGE, Page, Slab, pfn_of } from "../base/layout";
import { end_pfn } from "../page/grow";
import { page_address, page_kind, page_slab, virt_to_page } from "../page/page";
import { cpu_area, header, this_cpu_cache } from "../sync/percpu";
import { debug_is_free } from "./debug";
import { debug_is_deferred, debug_on_freelist } from "./debug_freed";
import { is_in_freed_page } from "./debug_large";
import { is_deferred_last } from "./defer";
import { cpu_slab } from "./kmem_cache_cpu";
import { index_to_obj, obj_to_index } from "./object";
import { rcu_queued_last } from "./rcu_queue";
import { rcu_freed_last } from "./rcu_sheaf";
import { has_sheaves } from "./sheaf";
import { slab_word, word_freelist, word_objects } from "./slab";

/** Note a refusal in this CPU's area, for the host's report. @returns `code`. */
export function refuse(code: u32, cache: usize, slab: usize, object: usize): u32 {
  const area = cpu_area();
  area.bug_code = code;
  area.bug_cache = <u32>cache;
  area.bug_slab = <u32>slab;
  area.bug_object = <u32>object;
  return code;
}

/** @returns true if `p` is NULL or what kmalloc(0) gave: freed for nothing. */
export function zero_or_null(p: usize): bool {
  return p === 0 || p === ZERO_SIZE_PTR;
}

/** A page that is no slab: a large allocation, or nothing. */
function check_large(page: Page, p: usize, nolock: bool): u32 {
  if (page_kind(page) !== PG_LARGE) {
    if (isDefined(SLUB_DEBUG)) {
      if (is_in_freed_page(p)) return refuse(REFUSED_DOUBLE, 0, 0, p);
    }
    return refuse(REFUSED_FREE_PAGE, 0, 0, p);
  }
  if (page_address(page) !== p) return refuse(REFUSED_INTERIOR, 0, changetype<usize>(page), p);
  if (nolock) return refuse(REFUSED_LARGE_NOLOCK, 0, changetype<usize>(page), p);
  return REFUSED_NONE;
}

/** Freed just now: it heads a list it may be on. Debug builds see all free objects. */
function is_free(cache: KmemCache, slab: Slab, object: usize): bool {
  const c = this_cpu_cache(cache);
  if (cpu_slab(c) === changetype<usize>(slab) && <usize>c.freelist === object) return true;
  if (has_sheaves()) {
    if (<usize>load<u32>(<usize>c.top) === object || rcu_freed_last(cache, object)) return true;
  }
  if (word_freelist(slab_word(slab)) === object) return true;
  if (is_deferred_last(cache, slab, object) || debug_is_free(cache, object)) return true;
  if (isDefined(SLUB_DEBUG)) {
    return debug_on_freelist(cache, slab, object) || debug_is_deferred(cache, slab, object);
  }
  return false;
}

/**
 * Check that `p` may be freed.
 *
 * @param wanted the cache it must belong to, or 0 for any
 * @param nolock true for a nolock free, which large allocations may not be given to
 * @returns REFUSED_*; REFUSED_NONE for NULL and ZERO_SIZE_PTR too. Context: any.
 */
export function check_free(p: usize, wanted: usize, nolock: bool): u32 {
  if (zero_or_null(p)) return REFUSED_NONE;
  if (rcu_queued_last(p)) return refuse(REFUSED_DOUBLE, 0, 0, p);
  const pfn = pfn_of(p);
  if (pfn < header().first_pfn || pfn >= end_pfn()) return refuse(REFUSED_WILD, 0, 0, p);
  const page = virt_to_page(p);
  const slab = page_slab(page);
  if (slab === 0) {
    if (wanted !== 0) return refuse(REFUSED_FOREIGN, wanted, 0, p);
    return check_large(page, p, nolock);
  }
  return check_slab_free(p, changetype<Slab>(slab), wanted);
}

function check_slab_free(p: usize, slab: Slab, wanted: usize): u32 {
  const address = <usize>slab.slab_cache;
  const cache = changetype<KmemCache>(address);
  const at = changetype<usize>(slab);
  if (wanted !== 0 && wanted !== address) return refuse(REFUSED_FOREIGN, address, at, p);
  const index = obj_to_index(cache, slab, p);
  if (index_to_obj(cache, slab, index) !== p || index >= word_objects(slab_word(slab))) {
    return refuse(REFUSED_INTERIOR, address, at, p);
  }
  if (is_free(cache, slab, p)) return refuse(REFUSED_DOUBLE, address, at, p);
  return REFUSED_NONE;
}
