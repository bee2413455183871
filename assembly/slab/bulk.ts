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
import { lock_mode, preempt_count } from "../sync/context";
import { local_lock_irqsave } from "../sync/local_lock";
import { this_cpu_cache } from "../sync/percpu";
import { ALLOC_FASTPATH, stat_fast } from "../sync/stat";
import { load_freelist, slab_alloc, slab_alloc_slow } from "./alloc";
import { zero_or_null } from "./check";
import { debug_alloc, debug_free } from "./debug";
import { slab_free_chain } from "./free";
import { set_freepointer } from "./object";
import { local_unlock_irqrestore } from "./section";

/** How many objects of other slabs the search for one slab's objects skips. */
const LOOKAHEAD: u32 = 3;

function slot(array: usize, index: u32): usize {
  return array + ((<usize>index) << 2);
}

/** Pop this CPU's freelist into the array until it or the array ends. @returns the new count. */
function pop_many(cache: KmemCache, count: u32, done: u32, array: usize): u32 {
  const c = this_cpu_cache(cache);
  local_lock_irqsave(c);
  while (done < count && c.freelist !== 0) {
    const object = <usize>c.freelist;
    load_freelist(cache, c, object);
    store<u32>(slot(array, done), <u32>object);
    debug_alloc(cache, object);
    stat_fast(cache, ALLOC_FASTPATH);
    done++;
  }
  local_unlock_irqrestore(c);
  return done;
}

/**
 * Allocate `count` objects, all or none.
 *
 * @param array where their addresses go: count * 4 bytes
 * @returns count, or 0 with nothing allocated. Context: any.
 */
export function slab_alloc_bulk(cache: KmemCache, count: u32, array: usize): u32 {
  const mode = lock_mode();
  let done: u32 = 0;
  while (done < count) {
    let object: usize;
    if (preempt_count() !== 0 || mode === LOCK_TRY) {
      object = slab_alloc(cache, NUMA_NO_NODE);
    } else {
      done = pop_many(cache, count, done, array);
      if (done === count) break;
      object = slab_alloc_slow(cache, NUMA_NO_NODE, mode);
      debug_alloc(cache, object);
    }
    if (object === 0) {
      free_bulk(done, array);
      return 0;
    }
    store<u32>(slot(array, done), <u32>object);
    done++;
  }
  return done;
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
  debug_free(cache, last);
  set_freepointer(cache, last, 0);
  // `end` moves down; skipped entries gather right below the count that remains.
  let end = count - 1;
  let keep = count - 1;
  while (end > 0 && skipped < LOOKAHEAD) {
    end--;
    const object = <usize>load<u32>(slot(array, end));
    if (!zero_or_null(object) && page_slab(virt_to_page(object)) === address) {
      debug_free(cache, object);
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
      free_pages(virt_to_page(last), lock_mode());
      left--;
    } else {
      left = free_one_group(left, array);
    }
  }
}
