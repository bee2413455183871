/**
 * Whether a nolock call may touch a cache here at all: what nolock_alloc.ts and nolock_free.ts ask.
 *
 * The busy check is of the cpu slab alone: a sheaf has a local lock of its own, is asked before,
 * and can be had although the other is held. It is unconditional: whether this CPU is inside the
 * section of this very cache is asked on every call that comes to the slabs, in NMI or not. The
 * kernel asks only in NMI, which leaves the hole that a probe inside the section falls into
 * (reported in the review of version 5); here it is one load from a line that the fast path reads
 * anyway.
 * Kernel: mm/slub.c kmalloc_nolock_noprof(), kfree_nolock(), 6.18.
 */
import { SLAB_DEBUG_FLAGS, SLAB_NO_CMPXCHG } from "../base/config";
import { KmemCache } from "../base/layout";
import { preemptible } from "../sync/context";
import { cpu_cache_lock, is_rt, local_lock_is_locked } from "../sync/local_lock";
import { this_cpu_cache } from "../sync/percpu";

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

/**
 * @returns true if a nolock allocation from this cache must return NULL here, be it busy or not.
 * Context: any.
 */
export function nolock_refuses(cache: KmemCache): bool {
  return nolock_forbidden() || nolock_needs_cmpxchg(cache);
}
