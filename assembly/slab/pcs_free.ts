/**
 * Free to this CPU's sheaves: to `main`; when that is full, to what changes places with it -
 * `spare`, an empty sheaf of the barn, one that is flushed to its slabs.
 *
 * As with allocation, an exchange is one section, a flush is not.
 * Kernel: mm/slub.c free_to_pcs(), __pcs_replace_full_main(); 7.0.
 */
import { KmemCache } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { cpu_area, this_cpu_cache } from "../sync/percpu";
import { FREE_PCS, stat_fast } from "../sync/stat";
import { barn_has_room, get_barn } from "./barn";
import { exchange_full_main, replace_main } from "./pcs";
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
  if (push_main(c, object) || (exchange_full_main(cache, c, mode) && push_main(c, object))) {
    pcs_unlock(c);
    stat_fast(cache, FREE_PCS);
    return true;
  }
  // A constructor's, in a refill of this cache, or a flush's.
  if (c.sheaf_in_hand !== 0) {
    pcs_unlock(c);
    return false;
  }
  // The barn wants no more: a full spare is flushed, and becomes what is empty.
  const full = c.spare !== 0 && !barn_has_room(cache, get_barn(cache, cpu_area().node));
  const spare = full ? <usize>c.spare : 0;
  if (full) {
    c.sheaf_in_hand = <u32>spare;
    c.spare = 0;
  }
  pcs_unlock(c);
  flush_sheaves_if_asked(cache, mode);
  return free_to_new_main(cache, object, spare, mode);
}

/**
 * Put an empty sheaf in the place of a full `main`, and the object into it.
 *
 * @param full a sheaf of this CPU to flush, or 0: a new one
 * @returns false: there is no memory. Context: ordinary, no lock held.
 */
function free_to_new_main(cache: KmemCache, object: usize, full: usize, mode: u32): bool {
  let sheaf = full;
  if (sheaf !== 0) sheaf_flush(cache, changetype<Sheaf>(sheaf));
  else sheaf = alloc_empty_sheaf(cache, cache.sheaf_capacity);
  if (sheaf === 0) return false;
  const c = this_cpu_cache(cache);
  c.sheaf_in_hand = <u32>sheaf;
  if (!pcs_trylock(c)) {
    put_away(cache, sheaf, mode);
    return false;
  }
  let left = sheaf;
  if (c.top === c.end) {
    left = replace_main(c, sheaf);
  }
  const done = push_main(c, object);
  c.sheaf_in_hand = <u32>left;
  pcs_unlock(c);
  if (done) stat_fast(cache, FREE_PCS);
  if (left !== 0) put_away(cache, left, mode);
  return done;
}
