/**
 * What the sections of this CPU's sheaves do: pop, push, and exchange `main` for something better.
 *
 * Nothing here takes memory or gives any back, so all of it is for any context: a barn's lock is
 * asked for as hard as the caller may.
 * Kernel: mm/slub.c can_free_to_pcs(), the first halves of __pcs_replace_empty_main() and
 * __pcs_replace_full_main(); 7.0.
 */
import { LOCK_TRY, NUMA_NO_NODE } from "../base/config";
import { KmemCache, KmemCacheCpu, Slab } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { cpu_area, header, this_cpu_cache } from "../sync/percpu";
import { note_miss } from "../sync/nolock_stat";
import {
  ALLOC_PCS,
  FREE_PCS,
  NOLOCK_ALLOC_BARN,
  NOLOCK_ALLOC_MAIN,
  NOLOCK_ALLOC_SPARE,
  NOLOCK_FREE_BARN,
  NOLOCK_FREE_MAIN,
  NOLOCK_FREE_SPARE,
  NOLOCK_NULL_LOCK,
  stat_fast,
  stat_verbose,
} from "../sync/stat";
import {
  barn_get_empty_sheaf,
  barn_replace_empty_sheaf,
  barn_replace_full_sheaf,
  get_barn,
  spare_of,
} from "./barn";
import {
  below_main,
  cover_main,
  pop_below,
  pop_spare,
  push_below,
  push_spare,
  stack_depth,
  uncover_main,
} from "./pcs_stack";
import {
  is_full_sheaf,
  pcs_trylock,
  pcs_unlock,
  pop_main,
  push_main,
  write_main_size,
} from "./sheaf";

/** @returns true if an object of this CPU's node will do. Kernel: ALLOC_NODE_MISMATCH otherwise. */
export function is_local(node: i32): bool {
  return node === NUMA_NO_NODE || header().nr_nodes === 1 || <u32>node === cpu_area().node;
}

/** @returns true if objects of `slab` belong into this CPU's sheaves. */
export function can_free_to_pcs(cache: KmemCache, slab: Slab): bool {
  return cache.sheaf_capacity !== 0 && slab.node === cpu_area().node;
}

// What an exchange was made with.
/** None was made. */
export const EXCHANGED_NONE: u32 = 0;
/** Another sheaf of this CPU. */
export const EXCHANGED_OWN: u32 = 1;
/** One of the barn. */
export const EXCHANGED_BARN: u32 = 2;

/**
 * Make something with objects `main`, in place of what is empty: what lies below it, or a full
 * sheaf of the barn.
 *
 * The hand is taken already where this call came into a flush or a refill of the same cache: then
 * nothing is exchanged, since a sheaf that no place has would be lost with the CPU.
 *
 * @returns EXCHANGED_NONE: neither has any. Context: the section of `c`.
 */
export function exchange_empty_main(cache: KmemCache, c: KmemCacheCpu, mode: u32): u32 {
  if (c.sheaf_in_hand !== 0) return EXCHANGED_NONE;
  if (below_main(c) !== 0) {
    uncover_main(c);
    return EXCHANGED_OWN;
  }
  write_main_size(c);
  c.sheaf_in_hand = c.main;
  const done = barn_replace_empty_sheaf(cache, get_barn(cache, cpu_area().node), c, mode);
  c.sheaf_in_hand = 0;
  return done ? EXCHANGED_BARN : EXCHANGED_NONE;
}

/** Give the barn a full sheaf, and see that there is an empty one. @returns false: not done. */
function give_full(cache: KmemCache, c: KmemCacheCpu, mode: u32): bool {
  const full = pop_below(c);
  if (barn_replace_full_sheaf(cache, get_barn(cache, cpu_area().node), c, mode)) return true;
  push_below(c, full);
  return false;
}

/** Get an empty sheaf of the barn. @returns false: it has none. Context: there is no spare one. */
function get_spare(cache: KmemCache, c: KmemCacheCpu, mode: u32): bool {
  return barn_get_empty_sheaf(get_barn(cache, cpu_area().node), spare_of(c), mode) !== 0;
}

/**
 * Make something with room `main`, above what is full; see exchange_empty_main(). Beyond
 * KmemCache.pcs_full full ones the barn gets one.
 *
 * @returns EXCHANGED_NONE: it would take memory, or a flush. Context: the section of `c`.
 */
export function exchange_full_main(cache: KmemCache, c: KmemCacheCpu, mode: u32): u32 {
  if (c.sheaf_in_hand !== 0) return EXCHANGED_NONE;
  const below = below_main(c);
  // Of a refill that memory ended, or returned: it fills up before it goes anywhere.
  if (below !== 0 && !is_full_sheaf(changetype<Sheaf>(below))) {
    cover_main(c, pop_below(c));
    return EXCHANGED_OWN;
  }
  let by = EXCHANGED_BARN;
  if (stack_depth(c) >= cache.pcs_full) {
    if (!give_full(cache, c, mode)) return EXCHANGED_NONE;
  } else if (c.spare !== 0) {
    by = EXCHANGED_OWN;
  } else if (!get_spare(cache, c, mode)) {
    return EXCHANGED_NONE;
  }
  cover_main(c, pop_spare(c));
  return by;
}

/**
 * Let a sheaf in hand be one of this CPU's, if there is room for it.
 *
 * @returns false, with nothing changed: there is none. Context: the section of `c`.
 */
export function keep_sheaf(cache: KmemCache, c: KmemCacheCpu, sheaf: usize): bool {
  if (changetype<Sheaf>(sheaf).size === 0) {
    if (c.spare !== 0) return false;
    push_spare(c, sheaf);
    return true;
  }
  if (c.main !== 0 && stack_depth(c) >= cache.pcs_full) return false;
  push_below(c, sheaf);
  return true;
}

/** Pop without waiting. @returns an object, or 0. Context: any. Kernel: alloc_from_pcs(), 7.3. */
export function try_alloc_from_pcs(cache: KmemCache): usize {
  if (cache.sheaf_capacity === 0) return 0;
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) {
    note_miss(NOLOCK_NULL_LOCK);
    return 0;
  }
  let from = NOLOCK_ALLOC_MAIN;
  let object = pop_main(c);
  if (object === 0) {
    const by = exchange_empty_main(cache, c, LOCK_TRY);
    from = by === EXCHANGED_OWN ? NOLOCK_ALLOC_SPARE : NOLOCK_ALLOC_BARN;
    if (by !== EXCHANGED_NONE) object = pop_main(c);
  }
  pcs_unlock(c);
  if (object !== 0) {
    stat_fast(cache, ALLOC_PCS);
    stat_verbose(cache, from);
  }
  return object;
}

/** Push without waiting. @returns false: not done. Context: any. Kernel: free_to_pcs(), 7.3. */
export function try_free_to_pcs(cache: KmemCache, object: usize): bool {
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) return false;
  let to = NOLOCK_FREE_MAIN;
  let done = push_main(c, object);
  if (!done) {
    const by = exchange_full_main(cache, c, LOCK_TRY);
    to = by === EXCHANGED_OWN ? NOLOCK_FREE_SPARE : NOLOCK_FREE_BARN;
    if (by !== EXCHANGED_NONE) done = push_main(c, object);
  }
  pcs_unlock(c);
  if (done) {
    stat_fast(cache, FREE_PCS);
    stat_verbose(cache, to);
  }
  return done;
}
