/**
 * Allocation and free from any context: no lock is waited for, no memory is grown.
 *
 * The busy check is unconditional: whether this CPU is inside the section of this very cache is
 * asked on every call, in NMI or not. The kernel asks only in NMI, which leaves the hole that a
 * probe inside the section falls into (reported in the review of version 5); here it is one load
 * from a line that the fast path reads anyway.
 * Kernel: mm/slub.c kmalloc_nolock_noprof(), kfree_nolock(), 6.18.
 */
import { DEFER_DIRECT, DEFER_NONE, LOCK_TRY } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { NOLOCK, context_enter, context_exit, irqs_disabled } from "../sync/context";
import { local_lock_is_locked } from "../sync/local_lock";
import { cpu_area, header, this_cpu_cache } from "../sync/percpu";
import {
  NOLOCK_ALLOC_FASTPATH,
  NOLOCK_ALLOC_SLOWPATH,
  NOLOCK_FREE_FASTPATH,
  stat,
  stat_fast,
  tick,
} from "../sync/stat";
import { alloc_from_cpu_freelist, slab_alloc_slow } from "./alloc";
import { debug_alloc } from "./debug";
import { defer_free } from "./defer";
import { free_direct } from "./direct";
import { free_to_cpu_slab, free_to_slab } from "./free";
import { get_freepointer } from "./object";

/** @returns true if this CPU is in the middle of changing what it holds of `cache`. */
export function nolock_busy(cache: KmemCache): bool {
  return local_lock_is_locked(this_cpu_cache(cache));
}

/**
 * Allocate one object, trying each lock once.
 *
 * @returns its address, or 0: no partial slab whose lock was free, and no page.
 * Context: any, but not nolock_busy(cache).
 */
export function slab_alloc_nolock(cache: KmemCache, node: i32): usize {
  let object = alloc_from_cpu_freelist(cache);
  if (object !== 0) {
    stat_fast(cache, NOLOCK_ALLOC_FASTPATH);
  } else {
    tick();
    stat(cache, NOLOCK_ALLOC_SLOWPATH);
    context_enter(NOLOCK);
    object = slab_alloc_slow(cache, node, LOCK_TRY);
    context_exit(NOLOCK);
  }
  debug_alloc(cache, object);
  return object;
}

/**
 * Free one object now if that takes no lock, or leave it to the heap's arm of deferral.
 *
 * Context: any. The caller stamped the object free (debug builds).
 */
export function slab_free_nolock(cache: KmemCache, slab: Slab, object: usize): void {
  if (!nolock_busy(cache) && free_to_cpu_slab(cache, slab, object, object)) {
    stat_fast(cache, NOLOCK_FREE_FASTPATH);
    return;
  }
  tick();
  const arm = header().defer_arm;
  if (arm === DEFER_DIRECT && free_direct(cache, slab, object)) return;
  // The floor of the experiment frees as if it might wait. Where this CPU holds any lock it
  // may not even there, and defers.
  if (arm === DEFER_NONE && !irqs_disabled()) {
    if (free_to_slab(cache, slab, object, object, 1, cpu_area().task_mode)) return;
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
