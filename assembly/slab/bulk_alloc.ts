/**
 * Many allocations at once: their addresses go to an array in memory.
 *
 * Kernel: mm/slub.c kmem_cache_alloc_bulk(), 6.18.
 */
import { slot } from "../base/bits";
import { LOCK_TRY, NUMA_NO_NODE } from "../base/config";
import { KmemCache } from "../base/layout";
import { lock_mode } from "../sync/context";
import { slab_alloc } from "./alloc";
import { has_post_alloc_hook, slab_post_alloc_hook, slab_pre_alloc_hook } from "./alloc_hooks";
import { free_bulk } from "./bulk_free";
import { slab_alloc_many } from "./do_alloc";
import { alloc_from_pcs_bulk } from "./pcs_bulk";
import { has_sheaves } from "./sheaf";

/**
 * Allocate `count` objects, all or none.
 *
 * @param gfp as slab_alloc()
 * @param array where their addresses go: count * 4 bytes
 * @returns count, or 0 with nothing allocated. Context: any.
 */
export function slab_alloc_bulk(cache: KmemCache, gfp: u32, count: u32, array: usize): u32 {
  const mode = lock_mode();
  if (mode === LOCK_TRY) return alloc_one_by_one(cache, gfp, count, array);
  // Once a call, as the kernel's, however many objects it is for.
  if (slab_pre_alloc_hook(cache)) return 0;
  let done: u32 = has_sheaves() ? alloc_from_pcs_bulk(cache, count, array, mode) : 0;
  done = slab_alloc_many(cache, count, done, array, mode);
  if (done < count) {
    free_bulk(make_ready(cache, 0, done, array), array);
    return 0;
  }
  if (!has_post_alloc_hook(cache, gfp)) return done;
  const ready = make_ready(cache, gfp, done, array);
  if (ready < done) {
    // The group is full: those it refused are free already, those it was charged for go back.
    free_bulk(ready, array);
    return 0;
  }
  return done;
}

/** Where nobody may wait. @returns count, or 0. */
function alloc_one_by_one(cache: KmemCache, gfp: u32, count: u32, array: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const object = slab_alloc(cache, NUMA_NO_NODE, gfp);
    if (object === 0) {
      free_bulk(i, array);
      return 0;
    }
    store<u32>(slot(array, i), <u32>object);
  }
  return count;
}

/**
 * Run the post hook on `count` objects; those that it refused are free already, and the others
 * move to the front. @returns how many are ready.
 */
function make_ready(cache: KmemCache, gfp: u32, count: u32, array: usize): u32 {
  let ready: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const object = slab_post_alloc_hook(cache, <usize>load<u32>(slot(array, i)), gfp, false);
    if (object === 0) continue;
    store<u32>(slot(array, ready), <u32>object);
    ready++;
  }
  return ready;
}
