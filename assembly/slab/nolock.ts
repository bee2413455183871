/**
 * Allocation and free from any context: no lock is waited for, no memory is grown.
 *
 * The busy check is unconditional: whether this CPU is inside the section of this very cache is
 * asked on every call, in NMI or not. The kernel asks only in NMI, which leaves the hole that a
 * probe inside the section falls into (reported in the review of version 5); here it is one load
 * from a line that the fast path reads anyway.
 * Kernel: mm/slub.c kmalloc_nolock_noprof(), kfree_nolock(), 6.18.
 */
import {
  DEFER_DIRECT,
  DEFER_NONE,
  LOCK_TRY,
  SLAB_DEBUG_FLAGS,
  SLAB_NO_CMPXCHG,
} from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { NOLOCK, context_enter, context_exit, irqs_disabled, preemptible } from "../sync/context";
import { cpu_cache_lock, is_rt, local_lock_is_locked } from "../sync/local_lock";
import { lockdep_assert_not_held } from "../sync/lockdep";
import { cpu_area, header, this_cpu_cache } from "../sync/percpu";
import {
  NOLOCK_ALLOC_FASTPATH,
  NOLOCK_ALLOC_SLOWPATH,
  NOLOCK_FREE_FASTPATH,
  stat,
  stat_fast,
  tick,
} from "../sync/stat";
import { alloc_from_cpu_freelist, free_to_cpu_slab } from "./cpu_freelist";
import { defer_free } from "./defer";
import { free_direct } from "./direct";
import { has_post_alloc_hook, slab_post_alloc_hook } from "./hooks";
import { get_freepointer } from "./object";
import { free_to_slab } from "./put";
import { slab_alloc_slow } from "./refill";

/** Caches whose slabs no nolock free changes: their words change under locks. */
const NOT_DIRECT: u32 = SLAB_NO_CMPXCHG | SLAB_DEBUG_FLAGS;

/** @returns true if this CPU is in the middle of changing what it holds of `cache`. */
export function nolock_busy(cache: KmemCache): bool {
  return local_lock_is_locked(cpu_cache_lock(this_cpu_cache(cache)));
}

/**
 * @returns true where no nolock allocation is possible whatever the bucket: with RT in any atomic
 * context, since local locks sleep there. Context: any. Kernel: kmalloc_nolock_noprof(), 6.18
 * (irq and NMI), 6.19 (`!preemptible()`).
 */
export function nolock_forbidden(): bool {
  return is_rt() && !preemptible();
}

/**
 * @returns true if a cache's slab word changes under a lock that the caller may have interrupted
 * the holder of. Debug caches never change it so. Kernel: the test of __CMPXCHG_DOUBLE.
 */
export function nolock_needs_cmpxchg(cache: KmemCache): bool {
  return (cache.flags & SLAB_NO_CMPXCHG) !== 0 && (cache.flags & SLAB_DEBUG_FLAGS) === 0;
}

/** @returns true if a nolock allocation from this very cache must return NULL. Context: any. */
export function nolock_refuses(cache: KmemCache): bool {
  return nolock_forbidden() || nolock_needs_cmpxchg(cache) || nolock_busy(cache);
}

/**
 * Allocate one object, trying each lock once.
 *
 * @returns its address, or 0: no partial slab whose lock was free, and no page.
 * Context: any, but not nolock_refuses(cache).
 */
export function slab_alloc_nolock(cache: KmemCache, node: i32, gfp: u32): usize {
  let object: usize = is_rt() ? 0 : alloc_from_cpu_freelist(cache);
  if (object !== 0) {
    stat_fast(cache, NOLOCK_ALLOC_FASTPATH);
  } else {
    tick();
    stat(cache, NOLOCK_ALLOC_SLOWPATH);
    lockdep_assert_not_held(cpu_cache_lock(this_cpu_cache(cache)));
    context_enter(NOLOCK);
    object = slab_alloc_slow(cache, node, LOCK_TRY);
    context_exit(NOLOCK);
  }
  if (!has_post_alloc_hook(cache, gfp)) return object;
  return slab_post_alloc_hook(cache, object, gfp, true);
}

/**
 * Free one object now if that takes no lock, or leave it to the heap's arm of deferral.
 *
 * Context: any. The caller ran slab_free_hook().
 */
export function slab_free_nolock(cache: KmemCache, slab: Slab, object: usize): void {
  const cannot = nolock_busy(cache) || nolock_forbidden();
  if (!cannot && free_to_cpu_slab(cache, slab, object, object)) {
    stat_fast(cache, NOLOCK_FREE_FASTPATH);
    return;
  }
  tick();
  const arm = header().defer_arm;
  if (arm === DEFER_DIRECT && (cache.flags & NOT_DIRECT) === 0 && free_direct(cache, slab, object))
    return;
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
