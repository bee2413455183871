/**
 * Allocation: the fast path from the cpu freelist; when that is empty, slab/refill.ts.
 *
 * Kernel: mm/slub.c __slab_alloc_node(), 6.18.
 */
import { KmemCache, Slab } from "../base/layout";
import { lock_mode, preempt_count } from "../sync/context";
import { is_rt } from "../sync/local_lock";
import { this_cpu_cache } from "../sync/percpu";
import { ALLOC_FASTPATH, stat_fast, tick } from "../sync/stat";
import { has_post_alloc_hook, slab_post_alloc_hook, slab_pre_alloc_hook } from "./alloc_hooks";
import { alloc_from_cpu_freelist } from "./cpu_freelist";
import { cpu_slab } from "./kmem_cache_cpu";
import { nolock_refuses } from "./nolock";
import { slab_alloc_nolock } from "./nolock_alloc";
import { node_match, slab_alloc_slow } from "./refill";

/**
 * Allocate one object.
 *
 * @param node preferred node, or NUMA_NO_NODE
 * @param gfp __GFP_ZERO clears it, __GFP_ACCOUNT charges it (slab/alloc_hooks.ts)
 * @returns its address, or 0 when out of memory. Context: any; outside a plain task it behaves
 * as slab_alloc_nolock() and returns 0 where that would be busy.
 */
export function slab_alloc(cache: KmemCache, node: i32, gfp: u32): usize {
  if (preempt_count() !== 0) {
    return nolock_refuses(cache) ? 0 : slab_alloc_nolock(cache, node, gfp);
  }
  if (slab_pre_alloc_hook(cache)) return 0;
  const slab = cpu_slab(this_cpu_cache(cache));
  // With RT the whole of an allocation is under the local lock (kernel: no lockless fast path).
  const suits = slab !== 0 && node_match(changetype<Slab>(slab), node) && !is_rt();
  let object = suits ? alloc_from_cpu_freelist(cache) : 0;
  if (object !== 0) {
    stat_fast(cache, ALLOC_FASTPATH);
  } else {
    tick();
    object = slab_alloc_slow(cache, node, lock_mode());
  }
  if (!has_post_alloc_hook(cache, gfp)) return object;
  return slab_post_alloc_hook(cache, object, gfp, false);
}
