/**
 * Allocation from any context: no lock is waited for, no memory is grown, no sheaf is made,
 * refilled or flushed.
 *
 * The sheaf comes first, and then the question if this CPU is busy with its slab of the cache: each
 * has a local lock of its own. Whoever calls asked nolock_refuses() first.
 * Kernel: mm/slub.c kmalloc_nolock_noprof(), 6.18, with sheaves 7.3.
 */
import { LOCK_TRY } from "../base/config";
import { KmemCache } from "../base/layout";
import { NOLOCK, context_enter, context_exit } from "../sync/context";
import { cpu_cache_lock, is_rt } from "../sync/local_lock";
import { lockdep_assert_not_held } from "../sync/lockdep";
import { begin_misses, end_misses, note_miss } from "../sync/nolock_stat";
import { this_cpu_cache } from "../sync/percpu";
import {
  NOLOCK_ALLOC_FASTPATH,
  NOLOCK_ALLOC_SLAB,
  NOLOCK_ALLOC_SLOWPATH,
  NOLOCK_NULL_CHARGE,
  NOLOCK_NULL_LOCK,
  stat,
  stat_fast,
  stat_verbose,
  tick,
} from "../sync/stat";
import { has_post_alloc_hook, slab_post_alloc_hook } from "./alloc_hooks";
import { alloc_from_cpu_freelist } from "./cpu_freelist";
import { nolock_busy } from "./nolock";
import { is_local, try_alloc_from_pcs } from "./pcs";
import { slab_alloc_slow } from "./refill";
import { count_past_sheaves, has_sheaves } from "./sheaf";

/**
 * Allocate one object, trying each lock once.
 *
 * @returns its address, or 0: this CPU is busy with its slab of the cache, or there is no partial
 * slab whose lock was free, and no page. Context: any, but not nolock_refuses(cache).
 */
export function slab_alloc_nolock(cache: KmemCache, node: i32, gfp: u32): usize {
  return finish_nolock(cache, slab_take_nolock(cache, node), gfp);
}

/** What goes after slab_take_nolock(). @returns the object, or 0: free again. Context: any. */
export function finish_nolock(cache: KmemCache, object: usize, gfp: u32): usize {
  if (!has_post_alloc_hook(cache, gfp)) return object;
  const ready = slab_post_alloc_hook(cache, object, gfp, true);
  if (object !== 0 && ready === 0) stat_verbose(cache, NOLOCK_NULL_CHARGE);
  return ready;
}

/** slab_alloc_nolock() without hooks. */
export function slab_take_nolock(cache: KmemCache, node: i32): usize {
  const before = begin_misses();
  let object: usize = 0;
  if (has_sheaves() && is_local(node)) object = try_alloc_from_pcs(cache);
  if (object === 0) {
    if (nolock_busy(cache)) {
      note_miss(NOLOCK_NULL_LOCK);
    } else {
      object = slab_alloc_node_nolock(cache, node);
      if (object !== 0) count_past_sheaves(cache, NOLOCK_ALLOC_SLAB);
    }
  }
  end_misses(cache, object, before);
  return object;
}

/** The same past the sheaves. */
function slab_alloc_node_nolock(cache: KmemCache, node: i32): usize {
  let object: usize = is_rt() ? 0 : alloc_from_cpu_freelist(cache);
  if (object !== 0) {
    stat_fast(cache, NOLOCK_ALLOC_FASTPATH);
    return object;
  }
  tick();
  stat(cache, NOLOCK_ALLOC_SLOWPATH);
  lockdep_assert_not_held(cpu_cache_lock(this_cpu_cache(cache)));
  context_enter(NOLOCK);
  object = slab_alloc_slow(cache, node, LOCK_TRY);
  context_exit(NOLOCK);
  return object;
}
