/**
 * Allocation from any context: no lock is waited for, no memory is grown.
 *
 * Whoever calls asked slab/nolock.ts first. Kernel: mm/slub.c kmalloc_nolock_noprof(), 6.18.
 */
import { LOCK_TRY } from "../base/config";
import { KmemCache } from "../base/layout";
import { NOLOCK, context_enter, context_exit } from "../sync/context";
import { cpu_cache_lock, is_rt } from "../sync/local_lock";
import { lockdep_assert_not_held } from "../sync/lockdep";
import { this_cpu_cache } from "../sync/percpu";
import { NOLOCK_ALLOC_FASTPATH, NOLOCK_ALLOC_SLOWPATH, stat, stat_fast, tick } from "../sync/stat";
import { has_post_alloc_hook, slab_post_alloc_hook } from "./alloc_hooks";
import { alloc_from_cpu_freelist } from "./cpu_freelist";
import { is_local, try_alloc_from_pcs } from "./pcs";
import { slab_alloc_slow } from "./refill";
import { has_sheaves } from "./sheaf";

/**
 * Allocate one object, trying each lock once.
 *
 * @returns its address, or 0: no partial slab whose lock was free, and no page.
 * Context: any, but not nolock_refuses(cache).
 */
export function slab_alloc_nolock(cache: KmemCache, node: i32, gfp: u32): usize {
  let object: usize = 0;
  if (has_sheaves() && is_local(node)) object = try_alloc_from_pcs(cache);
  if (object === 0) object = slab_alloc_node_nolock(cache, node);
  if (!has_post_alloc_hook(cache, gfp)) return object;
  return slab_post_alloc_hook(cache, object, gfp, true);
}

/** The same past the sheaves, without hooks. */
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
