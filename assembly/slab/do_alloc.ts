/**
 * An allocation past the sheaves: from the cpu freelist; when that is empty, slab/refill.ts.
 *
 * Kernel: mm/slub.c __slab_alloc_node(), 6.18.
 */
import { slot } from "../base/bits";
import { NUMA_NO_NODE } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { lock_mode } from "../sync/context";
import { is_rt } from "../sync/local_lock";
import { this_cpu_cache } from "../sync/percpu";
import { ALLOC_FASTPATH, stat_fast, tick } from "../sync/stat";
import { alloc_from_cpu_freelist } from "./cpu_freelist";
import { cpu_slab } from "./kmem_cache_cpu";
import { get_freepointer } from "./object";
import { load_freelist, node_match, slab_alloc_slow } from "./refill";
import { lock_cpu_slab, unlock_cpu_slab } from "./section";

/**
 * Allocate one object, without hooks.
 *
 * @param node preferred node, or NUMA_NO_NODE
 * @returns its address, or 0 when out of memory. Context: ordinary, no lock held.
 */
export function slab_alloc_node(cache: KmemCache, node: i32): usize {
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
  return object;
}

/**
 * Pop this CPU's freelist into the array until it or the array ends: one store of the list for all
 * of them, at the end, so that who dies before has taken nothing. @returns the new count.
 */
function pop_many(cache: KmemCache, count: u32, done: u32, array: usize): u32 {
  const c = this_cpu_cache(cache);
  lock_cpu_slab(c);
  let last: usize = 0;
  let object = <usize>c.freelist;
  while (done < count && object !== 0) {
    last = object;
    object = get_freepointer(cache, last);
    store<u32>(slot(array, done), <u32>last);
    stat_fast(cache, ALLOC_FASTPATH);
    done++;
  }
  if (last !== 0) load_freelist(cache, c, last);
  unlock_cpu_slab(c);
  return done;
}

/**
 * Allocate objects into the array, from its element `done` on, until there are `count` or memory is
 * out. Without hooks. @returns the new count. Context: as slab_alloc_node().
 */
export function slab_alloc_many(
  cache: KmemCache,
  count: u32,
  done: u32,
  array: usize,
  mode: u32,
): u32 {
  while (done < count) {
    done = pop_many(cache, count, done, array);
    if (done === count) break;
    const object = slab_alloc_slow(cache, NUMA_NO_NODE, mode);
    if (object === 0) break;
    store<u32>(slot(array, done), <u32>object);
    done++;
  }
  return done;
}
