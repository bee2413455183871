/**
 * kfree_rcu() by sheaves: objects that readers may have gather in a sheaf, the sheaf waits for one
 * grace period as a whole, and is a full sheaf of a barn then, whose objects are allocated again
 * without their slabs having been touched.
 *
 * Of an object its address is written down and nothing else, until the period is over; so readers
 * see it as it was. Where an object cannot go to a sheaf - another node's, a cache without them,
 * no empty sheaf to be had, a lock that nobody may wait for - it goes to a page of addresses
 * (slab/rcu_queue.ts). slab/rcu_sheaf.ts has where sheaves wait, slab/rcu_free_sheaf.ts what
 * becomes of them. Kernel: mm/slub.c __kfree_rcu_sheaf(), 7.0.
 */
import { slot } from "../base/bits";
import { LOCK_TRY } from "../base/config";
import { KmemCache, KmemCacheCpu, Slab } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { CpuArea } from "../base/layout_percpu";
import { lock_mode } from "../sync/context";
import { cpu_area, cpu_cache_of } from "../sync/percpu";
import { FREE_RCU_SHEAF, FREE_RCU_SHEAF_FAIL, stat } from "../sync/stat";
import { barn_get_empty_sheaf, get_barn, hand_of } from "./barn";
import { lock_queue, queue_of, unlock_queue } from "./rcu_queue";
import { note_rcu_free, queue_rcu_free } from "./rcu_sheaf";
import { is_full_sheaf, sheaf_objects } from "./sheaf";
import { free_empty_sheaf } from "./sheaf_flush";
import { alloc_empty_sheaf } from "./sheaf_memory";

function rcu_free_of(c: KmemCacheCpu): usize {
  return changetype<usize>(c) + offsetof<KmemCacheCpu>("rcu_free");
}

/**
 * Push onto `rcu_free`, which has room; a full one waits from now on. The object first, then the
 * size: who dies between has kept what it held. Context: the lock of the queue of `area`.
 *
 * @returns objects in the sheaf now.
 */
function push_rcu_free(area: CpuArea, c: KmemCacheCpu, object: usize): u32 {
  const sheaf = changetype<Sheaf>(<usize>c.rcu_free);
  const size = sheaf.size;
  store<u32>(slot(sheaf_objects(sheaf), size), <u32>object);
  sheaf.size = size + 1;
  if (is_full_sheaf(sheaf)) queue_rcu_free(queue_of(area), c);
  return size + 1;
}

/**
 * Push, onto an empty sheaf of the barn if there is no other. @returns 0: there is none, or the
 * lock was missed. Context: no lock held.
 */
function try_push(cache: KmemCache, area: CpuArea, object: usize, mode: u32): u32 {
  if (!lock_queue(queue_of(area), mode)) return 0;
  const c = cpu_cache_of(area, cache);
  let any = c.rcu_free !== 0;
  if (!any) {
    note_rcu_free(area);
    any = barn_get_empty_sheaf(get_barn(cache, area.node), rcu_free_of(c), mode) !== 0;
  }
  const count = any ? push_rcu_free(area, c, object) : 0;
  unlock_queue(queue_of(area));
  return count;
}

/**
 * Push onto a new sheaf, or onto what has become of `rcu_free` while that was made. @returns 0: no
 * memory. Context: ordinary, no lock held.
 */
function push_onto_new(cache: KmemCache, area: CpuArea, object: usize, mode: u32): u32 {
  const c = cpu_cache_of(area, cache);
  // The hand is taken in a constructor's call, in a refill of this cache.
  const fresh = c.sheaf_in_hand === 0 ? alloc_empty_sheaf(cache, cache.sheaf_capacity) : 0;
  if (fresh === 0) return 0;
  lock_queue(queue_of(area), mode);
  note_rcu_free(area);
  const isWanted = c.rcu_free === 0;
  if (isWanted) {
    // While it is empty it may be in both places: what has objects waits, and is in one.
    c.rcu_free = <u32>fresh;
    c.sheaf_in_hand = 0;
  }
  const count = push_rcu_free(area, c, object);
  unlock_queue(queue_of(area));
  if (!isWanted) free_empty_sheaf(cache, hand_of(c), fresh);
  return count;
}

/**
 * Give an object of `slab` to this CPU's sheaf of what waits for a grace period.
 *
 * @returns objects in that sheaf now, this one included, as many as it has room for if it is on
 * its way; 0, with nothing changed: it must wait elsewhere. Context: any.
 */
export function rcu_free_to_pcs(cache: KmemCache, slab: Slab, object: usize): u32 {
  const area = cpu_area();
  if (cache.sheaf_capacity === 0) return 0;
  const mode = lock_mode();
  let count: u32 = 0;
  if (slab.node === area.node) {
    count = try_push(cache, area, object, mode);
    if (count === 0 && mode !== LOCK_TRY) count = push_onto_new(cache, area, object, mode);
  }
  stat(cache, count !== 0 ? FREE_RCU_SHEAF : FREE_RCU_SHEAF_FAIL);
  return count;
}
