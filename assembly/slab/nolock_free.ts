/**
 * Free from any context: at once where that takes no lock, else deferred by the heap's arm.
 *
 * Kernel: mm/slub.c kfree_nolock(), 6.18.
 */
import { DEFER_TO_NOWHERE, DEFER_TO_SLAB, SLAB_DEBUG_FLAGS, SLAB_NO_CMPXCHG } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { irqs_disabled } from "../sync/context";
import { cpu_area, header } from "../sync/percpu";
import { NOLOCK_FREE_FASTPATH, NOLOCK_FREE_SLAB, stat_fast, tick } from "../sync/stat";
import { free_to_cpu_slab } from "./cpu_freelist";
import { defer_free } from "./defer";
import { free_direct } from "./direct";
import { nolock_busy, nolock_forbidden } from "./nolock";
import { get_freepointer } from "./object";
import { can_free_to_pcs, try_free_to_pcs } from "./pcs";
import { free_to_slab } from "./put";
import { count_past_sheaves, has_sheaves } from "./sheaf";

/** Caches whose slabs no nolock free changes: their words change under locks. */
const NOT_DIRECT: u32 = SLAB_NO_CMPXCHG | SLAB_DEBUG_FLAGS;

/**
 * Free one object now if that takes no lock, or leave it to the heap's arm of deferral.
 *
 * Context: any. The caller ran slab_free_hook().
 */
export function slab_free_nolock(cache: KmemCache, slab: Slab, object: usize): void {
  if (has_sheaves() && can_free_to_pcs(cache, slab) && try_free_to_pcs(cache, object)) return;
  const cannot = nolock_busy(cache) || nolock_forbidden();
  if (!cannot && free_to_cpu_slab(cache, slab, object, object)) {
    stat_fast(cache, NOLOCK_FREE_FASTPATH);
    count_past_sheaves(cache, NOLOCK_FREE_SLAB);
    return;
  }
  tick();
  const place = header().defer_place;
  if (
    place === DEFER_TO_SLAB &&
    (cache.flags & NOT_DIRECT) === 0 &&
    free_direct(cache, slab, object)
  ) {
    count_past_sheaves(cache, NOLOCK_FREE_SLAB);
    return;
  }
  // The floor of the experiment frees as if it might wait. Where this CPU holds any lock it
  // may not even there, and defers.
  if (place === DEFER_TO_NOWHERE && !irqs_disabled()) {
    if (free_to_slab(cache, slab, object, object, 1, cpu_area().task_mode)) {
      count_past_sheaves(cache, NOLOCK_FREE_SLAB);
      return;
    }
  }
  defer_free(cache, slab, object);
}

/** slab_free_nolock() for every object of a detached chain of `count`. Context: any. */
export function slab_free_chain_nolock(
  cache: KmemCache,
  slab: Slab,
  head: usize,
  count: u32,
): void {
  let object = head;
  for (let i: u32 = 0; i < count; i++) {
    const next = get_freepointer(cache, object);
    slab_free_nolock(cache, slab, object);
    object = next;
  }
}
