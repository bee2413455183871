/**
 * Free to this CPU's sheaves: to `main`; when that is full, to an empty one that covers it - this
 * CPU's, one of the barn, one that is flushed to its slabs.
 *
 * As with allocation, an exchange is one section, a flush is not.
 * Kernel: mm/slub.c free_to_pcs(), __pcs_replace_full_main(); 7.0.
 */
import { KmemCache, KmemCacheCpu } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { cpu_area, this_cpu_cache } from "../sync/percpu";
import { FREE_PCS, stat_fast } from "../sync/stat";
import { barn_has_room, get_barn } from "./barn";
import { EXCHANGED_NONE, exchange_full_main } from "./pcs";
import { pop_below, push_spare } from "./pcs_stack";
import { pcs_trylock, pcs_unlock, push_main } from "./sheaf";
import { flush_sheaves_if_asked, put_away, sheaf_flush } from "./sheaf_flush";
import { alloc_empty_sheaf } from "./sheaf_memory";

/**
 * Free one object to this CPU's sheaves. Its hooks have run. Where nobody may wait:
 * try_free_to_pcs().
 *
 * @returns false, with nothing changed: then the slab takes it. Context: ordinary, no lock held.
 */
export function free_to_pcs(cache: KmemCache, object: usize, mode: u32): bool {
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) return false;
  if (push_or_exchange(cache, c, object, mode)) {
    pcs_unlock(c);
    stat_fast(cache, FREE_PCS);
    return true;
  }
  // A constructor's, in a refill of this cache, or a flush's.
  if (c.sheaf_in_hand !== 0) {
    pcs_unlock(c);
    return false;
  }
  if (!flush_sheaves_if_asked(cache, c, mode)) return false;
  // The barn wants no more: a full one is flushed, and becomes what is empty.
  const full = barn_has_room(cache, get_barn(cache, cpu_area().node)) ? <usize>0 : pop_below(c);
  pcs_unlock(c);
  return free_to_new_main(cache, object, full, mode);
}

/** Push, if `main` has room, or something that has can be made `main`. Context: the section. */
function push_or_exchange(cache: KmemCache, c: KmemCacheCpu, object: usize, mode: u32): bool {
  if (push_main(c, object)) return true;
  return exchange_full_main(cache, c, mode) !== EXCHANGED_NONE && push_main(c, object);
}

/**
 * Get an empty sheaf, and put the object into it, or into what `main` has become meanwhile.
 *
 * @param full a sheaf of this CPU to flush, in hand, or 0: a new one
 * @returns false: there is no memory. Context: ordinary, no lock held.
 */
function free_to_new_main(cache: KmemCache, object: usize, full: usize, mode: u32): bool {
  let sheaf = full;
  if (sheaf !== 0) sheaf_flush(cache, changetype<Sheaf>(sheaf));
  else sheaf = alloc_empty_sheaf(cache, cache.sheaf_capacity);
  if (sheaf === 0) return false;
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) {
    put_away(cache, sheaf, mode);
    return false;
  }
  push_spare(c, sheaf);
  const done = push_or_exchange(cache, c, object, mode);
  pcs_unlock(c);
  if (done) stat_fast(cache, FREE_PCS);
  return done;
}
