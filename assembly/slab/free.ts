/**
 * Freeing: to this CPU's sheaf, if the heap has sheaves; else to the slab (slab/do_free.ts).
 *
 * Kernel: mm/slub.c slab_free(), 6.18 and 7.0.
 */
import { SLAB_ACCOUNT } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { preempt_count } from "../sync/context";
import { cpu_area } from "../sync/percpu";
import { FREE_FASTPATH, stat_fast } from "../sync/stat";
import { free_to_cpu_slab } from "./cpu_freelist";
import { do_slab_free, slab_free_slow } from "./do_free";
import { slab_free_hook } from "./free_hooks";
import { slab_free_nolock } from "./nolock_free";
import { can_free_to_pcs } from "./pcs";
import { free_to_pcs } from "./pcs_free";
import { has_sheaves } from "./sheaf";

/**
 * Free one object of `slab`. The fast path is a handful of plain loads and stores.
 *
 * Context: any; outside a plain task it behaves as slab_free_nolock().
 */
export function slab_free(cache: KmemCache, slab: Slab, object: usize): void {
  slab_free_hook(cache, slab, object);
  if (preempt_count() !== 0) {
    slab_free_nolock(cache, slab, object);
    return;
  }
  if (has_sheaves() && can_free_to_pcs(cache, slab)) {
    if (free_to_pcs(cache, object, cpu_area().task_mode)) return;
  }
  do_slab_free(cache, slab, object, object, 1);
}

/**
 * The rest of an ordinary free whose push missed: the cpu slab is not asked once more.
 *
 * It is another one, but for caches whose cpu slabs are marked, so that every free comes by here,
 * and for a CPU that was interrupted in between, which only the model's is. Context: plain task.
 */
export function slab_free_missed(slab: Slab, object: usize): void {
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  slab_free_hook(cache, slab, object);
  const again = isDefined(SLUB_MODEL) || (cache.flags & SLAB_ACCOUNT) !== 0;
  if (again && free_to_cpu_slab(cache, slab, object, object)) {
    stat_fast(cache, FREE_FASTPATH);
  } else {
    slab_free_slow(cache, slab, object, object, 1);
  }
}
