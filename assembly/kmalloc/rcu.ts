/** kfree_rcu(): free when no reader can hold the address any more. */
import { LOCK_TRY } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { page_slab, virt_to_page } from "../page/page";
import { zero_or_null } from "../slab/check";
import { rcu_free_to_pcs } from "../slab/pcs_rcu";
import { RCU_BATCH, rcu_queue_free } from "../slab/rcu_queue";
import { rcu_serve } from "../slab/rcu_serve";
import { has_sheaves } from "../slab/sheaf";
import { lock_mode } from "../sync/context";
import { synchronize_rcu } from "../sync/rcu";
import { kfree } from "./kmalloc";

/**
 * Free `p`, of any allocation, after a grace period; until then not a byte of it changes.
 *
 * Without a page to note the address in, an ordinary task waits for the grace period itself
 * (kernel: the same, kvfree_call_rcu()). Where waiting is impossible - outside a plain task, in a
 * read-side section, on a CPU that may not sleep - the call says no: an object has no room to be
 * queued by without being written to.
 *
 * @returns false, with `p` still the caller's. Context: any.
 */
export function kfree_rcu(p: usize): bool {
  if (zero_or_null(p)) return true;
  // Asked while `p` is still ours: whoever frees it next, its page may become anything.
  const address = page_slab(virt_to_page(p));
  const isLarge = address === 0;
  if (has_sheaves() && !isLarge && free_by_sheaf(changetype<Slab>(address), p)) return true;
  const queued = rcu_queue_free(p);
  if (queued !== 0) {
    // Large allocations are too much memory to let them gather.
    if (lock_mode() !== LOCK_TRY && (queued === RCU_BATCH || isLarge)) rcu_serve();
    return true;
  }
  if (!synchronize_rcu()) return false;
  kfree(p);
  return true;
}

/** @returns false: it must wait elsewhere. Context: any. */
function free_by_sheaf(slab: Slab, object: usize): bool {
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  const count = rcu_free_to_pcs(cache, slab, object);
  if (count === 0) return false;
  if (count === cache.sheaf_capacity && lock_mode() !== LOCK_TRY) rcu_serve();
  return true;
}
