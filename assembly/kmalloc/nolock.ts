/**
 * kmalloc_nolock() and kfree_nolock(): callable where nobody may wait.
 *
 * One retry: if this CPU is inside the section of the bucket that fits, the next larger bucket is
 * tried, because its section is almost certainly free; 8192 has no next, and NULL then means what
 * it always means here: do not ask again now. With sheaves any NULL is tried so once: what missed
 * may have been a sheaf that is being changed, the barn's lock, or list_lock, and each of those of
 * the next bucket is another. Kernel: mm/slub.c kmalloc_nolock_noprof(), kfree_nolock(); 6.18, with
 * sheaves 7.3 - differs: the busy check does not depend on the context (slab/nolock.ts).
 */
import { KMALLOC_MAX_CACHE_SIZE, ZERO_SIZE_PTR } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { virt_to_page } from "../page/page";
import { zero_or_null } from "../slab/check";
import { slab_free_hook } from "../slab/free_hooks";
import { nolock_busy, nolock_needs_cmpxchg, nolock_refuses } from "../slab/nolock";
import { finish_nolock, slab_take_nolock } from "../slab/nolock_alloc";
import { slab_free_nolock } from "../slab/nolock_free";
import { has_sheaves } from "../slab/sheaf";
import {
  NOLOCK_BUSY_FIRST,
  NOLOCK_BUSY_SECOND,
  NOLOCK_NULL,
  NOLOCK_NULL_REFUSED,
  NOLOCK_RETRY,
  stat,
  stat_verbose,
} from "../sync/stat";
import { set_request } from "./debug";
import { kmalloc_slab } from "./size_class";

/**
 * Allocate without waiting and without growing the memory.
 *
 * @param size bytes; 0 gives ZERO_SIZE_PTR, more than 8192 gives 0
 * @param gfp __GFP_ZERO, __GFP_ACCOUNT
 * @param node a hint, or NUMA_NO_NODE
 * @returns the address or 0. Context: any, NMI included.
 */
export function kmalloc_nolock(size: usize, gfp: u32, node: i32): usize {
  if (size === 0) return ZERO_SIZE_PTR;
  if (size > KMALLOC_MAX_CACHE_SIZE) return 0;
  let cache = kmalloc_slab(size, gfp);
  if (nolock_refuses(cache)) return refuse_here(cache);
  let object = slab_take_nolock(cache, node);
  if (object === 0) {
    const busy = nolock_busy(cache);
    if (busy) stat(cache, NOLOCK_BUSY_FIRST);
    if (!busy && !has_sheaves()) return refuse(cache);
    const larger = <usize>cache.object_size + 1;
    if (larger > KMALLOC_MAX_CACHE_SIZE) return refuse(cache);
    stat_verbose(cache, NOLOCK_RETRY);
    cache = kmalloc_slab(larger, gfp);
    // Another cache, which may be one that a nolock call has to leave alone.
    if (nolock_needs_cmpxchg(cache)) return refuse_here(cache);
    object = slab_take_nolock(cache, node);
    if (object === 0) {
      if (nolock_busy(cache)) stat(cache, NOLOCK_BUSY_SECOND);
      return refuse(cache);
    }
  }
  object = finish_nolock(cache, object, gfp);
  if (isDefined(SLUB_DEBUG)) set_request(object, size, gfp);
  return object === 0 ? refuse(cache) : object;
}

/** What no bucket and no lock is to blame for. */
function refuse_here(cache: KmemCache): usize {
  stat_verbose(cache, NOLOCK_NULL_REFUSED);
  return refuse(cache);
}

function refuse(cache: KmemCache): usize {
  stat(cache, NOLOCK_NULL);
  return 0;
}

/**
 * Free a slab object without waiting: at once where that takes no lock, else deferred.
 *
 * NULL and ZERO_SIZE_PTR are freed for nothing. A large allocation is left alone, as the kernel
 * leaves it after its warning; check_free() tells beforehand. Context: any, NMI included.
 */
export function kfree_nolock(p: usize): void {
  if (zero_or_null(p)) return;
  const address = <usize>virt_to_page(p).head;
  if (address === 0) return;
  const slab = changetype<Slab>(address);
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  slab_free_hook(cache, slab, p);
  slab_free_nolock(cache, slab, p);
}
