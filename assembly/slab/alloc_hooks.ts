/**
 * What happens around every allocation of an object that is not on a fast path: fault injection
 * before; clearing, charging and stamping after.
 *
 * The fast paths of kmalloc() and kfree() skip the hooks: a CPU for which they would do something
 * carries HOOKED (sync/context.ts), and a cache whose frees must ask marks its cpu slabs
 * (CPU_SLAB_ASKS). Kernel: mm/slub.c slab_pre_alloc_hook(), slab_post_alloc_hook(); 6.18.
 */
import { GFP_ZERO, SLAB_ACCOUNT } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { page_slab, virt_to_page } from "../page/page";
import { debug_alloc } from "./debug";
import { should_failslab } from "./failslab";
import { slab_free } from "./free";
import { slab_free_hook } from "./free_hooks";
import { memcg_charge_object } from "./memcg";
import { slab_free_nolock } from "./nolock_free";

/** @returns true if the allocation must fail. Context: ordinary allocations only. */
export function slab_pre_alloc_hook(cache: KmemCache): bool {
  return should_failslab(cache);
}

/** @returns true if slab_post_alloc_hook() has anything to do: small enough to be asked first. */
export function has_post_alloc_hook(cache: KmemCache, gfp: u32): bool {
  return isDefined(SLUB_DEBUG) || (gfp | (cache.flags & SLAB_ACCOUNT)) !== 0;
}

/**
 * Make an object ready for its user; 0 is no object.
 *
 * @param nolock true: nobody may wait, not even to free what cannot be charged
 * @returns the object, or 0 if it could not be charged: then it is free again. Context: any.
 */
export function slab_post_alloc_hook(
  cache: KmemCache,
  object: usize,
  gfp: u32,
  nolock: bool,
): usize {
  if (object === 0) return 0;
  prepare_object(cache, object, gfp);
  // Such a cache charges every allocation: kmalloc() gets here with __GFP_ACCOUNT only, and a
  // user's cache asked for it when it was made.
  return (cache.flags & SLAB_ACCOUNT) === 0 ? object : charge_or_free(cache, object, nolock);
}

function prepare_object(cache: KmemCache, object: usize, gfp: u32): void {
  debug_alloc(cache, object);
  if ((gfp & GFP_ZERO) !== 0) memory.fill(object, 0, cache.object_size);
}

/**
 * The same where nothing may fail: an object that does not fit into its group, whose failcnt says
 * so, is charged to nobody. Kernel: __GFP_NOFAIL - differs: that charges beyond the limit.
 */
export function slab_post_alloc_hook_nofail(cache: KmemCache, object: usize, gfp: u32): void {
  prepare_object(cache, object, gfp);
  if ((cache.flags & SLAB_ACCOUNT) !== 0) memcg_charge_object(cache, object);
}

/** Charge an object to this CPU's group. @returns it, or 0 if that failed: then it is free. */
function charge_or_free(cache: KmemCache, object: usize, nolock: bool): usize {
  if (memcg_charge_object(cache, object)) return object;
  const slab = changetype<Slab>(page_slab(virt_to_page(object)));
  if (!nolock) {
    slab_free(cache, slab, object);
  } else {
    slab_free_hook(cache, slab, object);
    slab_free_nolock(cache, slab, object);
  }
  return 0;
}
