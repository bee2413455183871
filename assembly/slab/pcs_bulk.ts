/**
 * Many objects at once from and to this CPU's sheaves: copied in blocks, as many as `main` has or
 * has room for, between exchanges.
 *
 * Neither takes memory, refills or flushes a sheaf: what the sheaves at hand do not serve goes
 * straight to the slabs, in groups of one slab each, which costs less than a sheaf's worth of
 * objects on the way. As everywhere: objects that go into a sheaf are there before `top` says so,
 * those that come out leave by `top` before anybody has them.
 * Kernel: mm/slub.c alloc_from_pcs_bulk(), free_to_pcs_bulk(), 7.0 - differs: of any caches.
 */
import { slot } from "../base/bits";
import { KmemCache, KmemCacheCpu, Slab, pfn_of } from "../base/layout";
import { page_slab, virt_to_page } from "../page/page";
import { lock_mode } from "../sync/context";
import { page_class, this_cpu_cache } from "../sync/percpu";
import { ALLOC_PCS, FREE_PCS, stat_fast_many } from "../sync/stat";
import { free_bulk } from "./bulk_free";
import { cache_at } from "./cache_table";
import { zero_or_null } from "./check";
import { slab_free_hooks } from "./free_hooks";
import { EXCHANGED_NONE, can_free_to_pcs, exchange_empty_main, exchange_full_main } from "./pcs";
import { has_sheaves, main_size, pcs_trylock, pcs_unlock } from "./sheaf";

/**
 * Take up to `count` objects into the array, as long as this CPU or the barn has any.
 *
 * @returns how many. Context: any.
 */
export function alloc_from_pcs_bulk(cache: KmemCache, count: u32, array: usize, mode: u32): u32 {
  if (cache.sheaf_capacity === 0) return 0;
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) return 0;
  let done: u32 = 0;
  // Ends: what an exchange brings has objects.
  while (done < count) {
    const block = c.main === 0 ? 0 : min(main_size(c), count - done);
    if (block !== 0) {
      const top = <usize>c.top - ((<usize>block) << 2);
      memory.copy(slot(array, done), top + 4, (<usize>block) << 2);
      c.top = <u32>top;
      done += block;
    } else if (exchange_empty_main(cache, c, mode) === EXCHANGED_NONE) {
      break;
    }
  }
  pcs_unlock(c);
  stat_fast_many(cache, ALLOC_PCS, done);
  return done;
}

/** Push objects of `cache` that have room in `main`. Context: the section of `c`. */
function push_block(cache: KmemCache, c: KmemCacheCpu, count: u32, array: usize): void {
  slab_free_hooks(cache, count, array);
  memory.copy(<usize>c.top + 4, array, (<usize>count) << 2);
  c.top = c.top + (count << 2);
}

/**
 * Free objects of one cache and this node as long as there is room in what this CPU and the barn
 * have. @returns how many, the first ones of the array. Context: any.
 */
function free_to_pcs_bulk(cache: KmemCache, count: u32, array: usize, mode: u32): u32 {
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) return 0;
  let done: u32 = 0;
  // Ends: what an exchange brings has room.
  while (done < count) {
    const block = min((c.end - c.top) >> 2, count - done);
    if (block !== 0) {
      push_block(cache, c, block, slot(array, done));
      done += block;
    } else if (exchange_full_main(cache, c, mode) === EXCHANGED_NONE) {
      break;
    }
  }
  pcs_unlock(c);
  stat_fast_many(cache, FREE_PCS, done);
  return done;
}

/** @returns the cache to whose sheaves on this CPU an object may go, or 0; 0 for anything else. */
function pcs_cache_of(p: usize): usize {
  const index = <u32>load<u8>(page_class + <usize>pfn_of(p));
  if (index !== 0) return changetype<usize>(cache_at(index));
  if (zero_or_null(p)) return 0;
  const address = page_slab(virt_to_page(p));
  if (address === 0) return 0;
  const slab = changetype<Slab>(address);
  const cache = <usize>slab.slab_cache;
  return can_free_to_pcs(changetype<KmemCache>(cache), slab) ? cache : 0;
}

/**
 * Free `count` allocations of any kind: runs of one cache to its sheaves, all others, and what
 * finds no room there, by free_bulk(). The array's content is undefined afterwards. Context: any.
 */
export function free_many(count: u32, array: usize): void {
  if (!has_sheaves()) {
    free_bulk(count, array);
    return;
  }
  const mode = lock_mode();
  let left: u32 = 0;
  let at: u32 = 0;
  while (at < count) {
    const cache = pcs_cache_of(<usize>load<u32>(slot(array, at)));
    let end = at + 1;
    while (end < count && pcs_cache_of(<usize>load<u32>(slot(array, end))) === cache) end++;
    if (cache !== 0) {
      at += free_to_pcs_bulk(changetype<KmemCache>(cache), end - at, slot(array, at), mode);
    }
    // To the front, over what was freed or looked at before.
    memory.copy(slot(array, left), slot(array, at), (<usize>(end - at)) << 2);
    left += end - at;
    at = end;
  }
  free_bulk(left, array);
}
