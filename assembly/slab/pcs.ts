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
import { ALLOC_PCS, FREE_PCS, stat_fast } from "../sync/stat";
import {
  barn_get_empty_sheaf,
  barn_replace_empty_sheaf,
  barn_replace_full_sheaf,
  get_barn,
  hand_of,
} from "./barn";
import {
  is_full_sheaf,
  main_size,
  pcs_trylock,
  pcs_unlock,
  pop_main,
  push_main,
  set_main,
  take_main,
} from "./sheaf";

/** @returns true if an object of this CPU's node will do. Kernel: ALLOC_NODE_MISMATCH otherwise. */
export function is_local(node: i32): bool {
  return node === NUMA_NO_NODE || header().nr_nodes === 1 || <u32>node === cpu_area().node;
}

/** @returns true if objects of `slab` belong into this CPU's sheaves. */
export function can_free_to_pcs(cache: KmemCache, slab: Slab): bool {
  return cache.sheaf_capacity !== 0 && slab.node === cpu_area().node;
}

/** Let `main`, with its size written into it, be in hand, and be no main. */
export function take_main_in_hand(c: KmemCacheCpu): usize {
  c.sheaf_in_hand = c.main;
  return take_main(c);
}

/** Let `spare` be `main`, and `main`, if there is one, `spare`. Context: the section of `c`. */
function swap_main_and_spare(c: KmemCacheCpu): void {
  take_main_in_hand(c);
  set_main(c, changetype<Sheaf>(<usize>c.spare));
  c.spare = c.sheaf_in_hand;
}

/**
 * Let a sheaf that is in hand be `main`, and what was, `spare` if there is none.
 *
 * @returns what was `main` and has no place now, in hand; or 0. Context: the section of `c`.
 */
export function replace_main(c: KmemCacheCpu, sheaf: usize): usize {
  const main = <usize>c.main;
  if (main !== 0) changetype<Sheaf>(main).size = main_size(c);
  if (c.spare === 0) {
    c.spare = <u32>main;
    set_main(c, changetype<Sheaf>(sheaf));
    c.sheaf_in_hand = 0;
    return 0;
  }
  // All places are taken: for the stores of set_main() what leaves is known by the one that comes.
  const next = changetype<Sheaf>(sheaf);
  next.link = <u32>main;
  set_main(c, next);
  c.sheaf_in_hand = <u32>main;
  next.link = 0;
  return main;
}

/** The exchange with the barn came to nothing: what is in hand is `main` as before. */
function put_main_back(c: KmemCacheCpu): void {
  if (c.sheaf_in_hand !== 0) set_main(c, changetype<Sheaf>(<usize>c.sheaf_in_hand));
}

/** An empty sheaf of the barn as `main`; what was becomes `spare`. @returns false: it has none. */
function take_empty(cache: KmemCache, c: KmemCacheCpu, mode: u32): bool {
  const empty = barn_get_empty_sheaf(get_barn(cache, cpu_area().node), hand_of(c), mode);
  if (empty === 0) return false;
  if (c.main !== 0) {
    changetype<Sheaf>(<usize>c.main).size = main_size(c);
    c.spare = c.main;
  }
  set_main(c, changetype<Sheaf>(empty));
  return true;
}

/**
 * Make something with objects `main`, in place of what is empty.
 *
 * A sheaf is in its new place before it leaves the old one, or in `sheaf_in_hand` meanwhile: at
 * each store in between, what a CPU that dies leaves is in one of its places, or in two. The hand
 * is taken already where this call came into a flush or a refill of the same cache: then nothing
 * is exchanged, since a sheaf that no place has would be lost with the CPU.
 *
 * @returns false: neither the spare nor the barn has any. Context: the section of `c`.
 */
export function exchange_empty_main(cache: KmemCache, c: KmemCacheCpu, mode: u32): bool {
  if (c.sheaf_in_hand !== 0) return false;
  const spare = <usize>c.spare;
  let done: bool = true;
  if (spare !== 0 && changetype<Sheaf>(spare).size !== 0) {
    swap_main_and_spare(c);
  } else {
    take_main_in_hand(c);
    done = barn_replace_empty_sheaf(cache, get_barn(cache, cpu_area().node), c, mode);
    if (!done) put_main_back(c);
  }
  c.sheaf_in_hand = 0;
  return done;
}

/**
 * Make something with room `main`, in place of what is full; see exchange_empty_main().
 *
 * @returns false: it would take memory, or a flush. Context: the section of `c`.
 */
export function exchange_full_main(cache: KmemCache, c: KmemCacheCpu, mode: u32): bool {
  if (c.sheaf_in_hand !== 0) return false;
  const spare = <usize>c.spare;
  let done: bool = true;
  if (spare !== 0 && !is_full_sheaf(changetype<Sheaf>(spare))) {
    swap_main_and_spare(c);
  } else if (spare === 0 || c.main === 0) {
    done = take_empty(cache, c, mode);
  } else {
    take_main_in_hand(c);
    done = barn_replace_full_sheaf(cache, get_barn(cache, cpu_area().node), c, mode);
    if (!done) put_main_back(c);
  }
  c.sheaf_in_hand = 0;
  return done;
}

/** Pop without waiting. @returns an object, or 0. Context: any. Kernel: alloc_from_pcs(), 7.3. */
export function try_alloc_from_pcs(cache: KmemCache): usize {
  if (cache.sheaf_capacity === 0) return 0;
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) return 0;
  let object = pop_main(c);
  if (object === 0 && exchange_empty_main(cache, c, LOCK_TRY)) object = pop_main(c);
  pcs_unlock(c);
  if (object !== 0) stat_fast(cache, ALLOC_PCS);
  return object;
}

/** Push without waiting. @returns false: not done. Context: any. Kernel: free_to_pcs(), 7.3. */
export function try_free_to_pcs(cache: KmemCache, object: usize): bool {
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) return false;
  let done = push_main(c, object);
  if (!done && exchange_full_main(cache, c, LOCK_TRY)) done = push_main(c, object);
  pcs_unlock(c);
  if (done) stat_fast(cache, FREE_PCS);
  return done;
}
