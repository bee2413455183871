/**
 * Many frees at once, of what an array in memory has the addresses of.
 *
 * Kernel: mm/slub.c kmem_cache_free_bulk(), build_detached_freelist(); 6.18.
 */
import { slot } from "../base/bits";
import { KmemCache, Slab } from "../base/layout";
import { page_slab, virt_to_page } from "../page/page";
import { free_pages } from "../page/page_alloc";
import { lock_mode } from "../sync/context";
import { zero_or_null } from "./check";
import { large_free } from "./debug_large";
import { do_slab_free, slab_free_chain } from "./do_free";
import { slab_free_hook } from "./free_hooks";
import { memcg_uncharge_large } from "./memcg";
import { set_freepointer } from "./object";

/** How many objects of other slabs the search for one slab's objects skips. */
const LOOKAHEAD: u32 = 3;
/** After so many searches that found none, only the neighbour is looked at until it is found. */
const FRUITLESS: u32 = 2;

/** Free the `count` objects, at least one, of an array that are all of one slab. Context: any. */
export function free_group(slab: Slab, count: u32, array: usize): void {
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  const tail = <usize>load<u32>(array);
  let head: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    const object = <usize>load<u32>(slot(array, i));
    slab_free_hook(cache, slab, object);
    set_freepointer(cache, object, head);
    head = object;
  }
  slab_free_chain(cache, slab, head, tail, count);
}

/**
 * From the array's end, collect objects of one slab into a chain and free it.
 *
 * Objects of other slabs are skipped, at most `lookahead` of them, and moved to the front of what
 * remains.
 *
 * @param freed true: by their users; false: they were in a sheaf, and free already
 * @returns how many entries remain
 */
function free_one_group(count: u32, array: usize, lookahead: u32, freed: bool): u32 {
  const last = <usize>load<u32>(slot(array, count - 1));
  const address = page_slab(virt_to_page(last));
  const slab = changetype<Slab>(address);
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  let head = last;
  let taken: u32 = 1;
  let skipped: u32 = 0;
  if (freed) slab_free_hook(cache, slab, last);
  set_freepointer(cache, last, 0);
  // `end` moves down; skipped entries gather right below the count that remains.
  let end = count - 1;
  let keep = count - 1;
  while (end > 0 && skipped < lookahead) {
    end--;
    const object = <usize>load<u32>(slot(array, end));
    if (!zero_or_null(object) && page_slab(virt_to_page(object)) === address) {
      if (freed) slab_free_hook(cache, slab, object);
      set_freepointer(cache, object, head);
      head = object;
      taken++;
    } else {
      keep--;
      store<u32>(slot(array, keep), <u32>object);
      skipped++;
    }
  }
  if (freed) slab_free_chain(cache, slab, head, last, taken);
  else do_slab_free(cache, slab, head, last, taken);
  // Entries 0 .. end-1 were not looked at; the skipped ones follow them.
  for (let i: u32 = 0; i < skipped; i++) {
    store<u32>(slot(array, end + i), load<u32>(slot(array, keep + i)));
  }
  return end + skipped;
}

/** free_large() (kmalloc/large.ts) of an entry. */
function free_large_entry(p: usize): void {
  if (isDefined(SLUB_DEBUG)) {
    if (!large_free(p)) return;
  }
  const page = virt_to_page(p);
  memcg_uncharge_large(page);
  free_pages(page, lock_mode());
}

/**
 * Free `count` allocations of any kind. NULL and ZERO_SIZE_PTR are skipped; the array's content
 * is undefined afterwards. Context: any.
 */
export function free_bulk(count: u32, array: usize): void {
  let left = count;
  let fruitless: u32 = 0;
  while (left > 0) {
    const last = <usize>load<u32>(slot(array, left - 1));
    if (zero_or_null(last)) {
      left--;
    } else if (page_slab(virt_to_page(last)) === 0) {
      free_large_entry(last);
      left--;
    } else {
      const before = left;
      left = free_one_group(left, array, fruitless < FRUITLESS ? LOOKAHEAD : 1, true);
      fruitless = left === before - 1 ? fruitless + 1 : 0;
    }
  }
}

/**
 * Give the `count` objects of a sheaf to their slabs. The array's content is undefined afterwards.
 *
 * Context: ordinary; slab_mutex may be held, which free_bulk() would take for a place where nobody
 * may wait: what it deferred for another node's CPUs, none of them need ever look at again.
 */
export function free_to_slabs(count: u32, array: usize): void {
  let left = count;
  while (left > 0) left = free_one_group(left, array, LOOKAHEAD, false);
}
