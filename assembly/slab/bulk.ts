/**
 * Many objects at once, through an array of addresses in memory.
 *
 * Kernel: mm/slub.c kmem_cache_alloc_bulk(), kmem_cache_free_bulk(), build_detached_freelist();
 * 6.18.
 */
import { LOCK_TRY, NUMA_NO_NODE } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { page_slab, virt_to_page } from "../page/page";
import { free_pages } from "../page/page_alloc";
import { lock_mode } from "../sync/context";
import { this_cpu_cache } from "../sync/percpu";
import { ALLOC_FASTPATH, stat_fast } from "../sync/stat";
import { slab_alloc } from "./alloc";
import { zero_or_null } from "./check";
import { slab_free_chain } from "./free";
import { slab_free_hook, slab_post_alloc_hook, slab_pre_alloc_hook } from "./hooks";
import { memcg_uncharge_large } from "./memcg";
import { set_freepointer } from "./object";
import { load_freelist, slab_alloc_slow } from "./refill";
import { lock_cpu_slab, unlock_cpu_slab } from "./section";

/** How many objects of other slabs the search for one slab's objects skips. */
const LOOKAHEAD: u32 = 3;

function slot(array: usize, index: u32): usize {
  return array + ((<usize>index) << 2);
}

/** Pop this CPU's freelist into the array until it or the array ends. @returns the new count. */
function pop_many(cache: KmemCache, count: u32, done: u32, array: usize): u32 {
  const c = this_cpu_cache(cache);
  lock_cpu_slab(c);
  while (done < count && c.freelist !== 0) {
    const object = <usize>c.freelist;
    load_freelist(cache, c, object);
    store<u32>(slot(array, done), <u32>object);
    stat_fast(cache, ALLOC_FASTPATH);
    done++;
  }
  unlock_cpu_slab(c);
  return done;
}

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
  let done: u32 = 0;
  while (done < count) {
    done = pop_many(cache, count, done, array);
    if (done === count) break;
    const object = slab_alloc_slow(cache, NUMA_NO_NODE, mode);
    if (object === 0) {
      free_bulk(make_ready(cache, 0, done, array), array);
      return 0;
    }
    store<u32>(slot(array, done), <u32>object);
    done++;
  }
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

/**
 * From the array's end, collect objects of one slab into a chain and free it.
 *
 * Objects of other slabs are skipped, at most LOOKAHEAD of them, and moved to the front of what
 * remains. @returns how many entries remain.
 */
function free_one_group(count: u32, array: usize): u32 {
  const last = <usize>load<u32>(slot(array, count - 1));
  const address = page_slab(virt_to_page(last));
  const slab = changetype<Slab>(address);
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  let head = last;
  let taken: u32 = 1;
  let skipped: u32 = 0;
  slab_free_hook(cache, slab, last);
  set_freepointer(cache, last, 0);
  // `end` moves down; skipped entries gather right below the count that remains.
  let end = count - 1;
  let keep = count - 1;
  while (end > 0 && skipped < LOOKAHEAD) {
    end--;
    const object = <usize>load<u32>(slot(array, end));
    if (!zero_or_null(object) && page_slab(virt_to_page(object)) === address) {
      slab_free_hook(cache, slab, object);
      set_freepointer(cache, object, head);
      head = object;
      taken++;
    } else {
      keep--;
      store<u32>(slot(array, keep), <u32>object);
      skipped++;
    }
  }
  slab_free_chain(cache, slab, head, last, taken);
  // Entries 0 .. end-1 were not looked at; the skipped ones follow them.
  for (let i: u32 = 0; i < skipped; i++) {
    store<u32>(slot(array, end + i), load<u32>(slot(array, keep + i)));
  }
  return end + skipped;
}

/**
 * Free `count` allocations of any kind. NULL and ZERO_SIZE_PTR are skipped; the array's content
 * is undefined afterwards. Context: any.
 */
export function free_bulk(count: u32, array: usize): void {
  let left = count;
  while (left > 0) {
    const last = <usize>load<u32>(slot(array, left - 1));
    if (zero_or_null(last)) {
      left--;
    } else if (page_slab(virt_to_page(last)) === 0) {
      const page = virt_to_page(last);
      memcg_uncharge_large(page);
      free_pages(page, lock_mode());
      left--;
    } else {
      left = free_one_group(left, array);
    }
  }
}
