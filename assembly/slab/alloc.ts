/**
 * Allocation: from this CPU's sheaf, if the heap has sheaves; else from the slab (do_alloc.ts).
 *
 * Kernel: mm/slub.c slab_alloc_node(), 6.18 and 7.0.
 */
import { KmemCache } from "../base/layout";
import { lock_mode, preempt_count } from "../sync/context";
import { has_post_alloc_hook, slab_post_alloc_hook, slab_pre_alloc_hook } from "./alloc_hooks";
import { slab_alloc_node } from "./do_alloc";
import { nolock_refuses } from "./nolock";
import { slab_alloc_nolock } from "./nolock_alloc";
import { is_local } from "./pcs";
import { alloc_from_pcs } from "./pcs_alloc";
import { reclaim_sheaves } from "./reclaim";
import { has_sheaves } from "./sheaf";

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
  let object: usize = 0;
  if (has_sheaves() && is_local(node)) object = alloc_from_pcs(cache, lock_mode());
  if (object === 0) object = slab_alloc_node(cache, node);
  // What sheaves hold is never the reason for "out of memory".
  if (has_sheaves() && object === 0) {
    reclaim_sheaves(lock_mode());
    object = slab_alloc_node(cache, node);
  }
  if (!has_post_alloc_hook(cache, gfp)) return object;
  return slab_post_alloc_hook(cache, object, gfp, false);
}
