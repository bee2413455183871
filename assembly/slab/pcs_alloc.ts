/**
 * Allocation from this CPU's sheaves: from `main`; when that is empty, from what lies below it, a
 * full sheaf of the barn, one that is refilled from slabs.
 *
 * The whole of an exchange is a section of the sheaves' local lock. A refill is not: it makes
 * slabs, which may grow the memory and call constructors. So it works on a sheaf that nobody else
 * knows, and looks afterwards what has become of `main`.
 * Kernel: mm/slub.c alloc_from_pcs(), __pcs_replace_empty_main(), refill_sheaf(); 7.0.
 */
import { slot } from "../base/bits";
import { HEAP_SHEAF_REFILL_WAITS, LOCK_WAIT } from "../base/config";
import { KmemCache } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { cpu_area, header, this_cpu_cache } from "../sync/percpu";
import { ALLOC_PCS, SHEAF_REFILL, stat_add, stat_fast } from "../sync/stat";
import { barn_get_empty_sheaf, get_barn, hand_of } from "./barn";
import { slab_alloc_many } from "./do_alloc";
import { EXCHANGED_NONE, exchange_empty_main, keep_sheaf } from "./pcs";
import { below_main, pop_spare, uncover_main } from "./pcs_stack";
import { pcs_trylock, pcs_unlock, pop_main, sheaf_objects } from "./sheaf";
import { flush_sheaves_if_asked, put_away } from "./sheaf_flush";
import { alloc_empty_sheaf } from "./sheaf_memory";

/**
 * Allocate one object from this CPU's sheaves. Where nobody may wait: try_alloc_from_pcs().
 *
 * @returns 0: nothing to be had so, or somebody here is in the middle of changing them; then the
 * slabs have it. Context: ordinary, no lock held.
 */
export function alloc_from_pcs(cache: KmemCache, mode: u32): usize {
  if (cache.sheaf_capacity === 0) return 0;
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) return 0;
  let object = pop_main(c);
  if (object === 0 && exchange_empty_main(cache, c, mode) !== EXCHANGED_NONE) {
    object = pop_main(c);
  }
  if (object !== 0) {
    pcs_unlock(c);
    stat_fast(cache, ALLOC_PCS);
    return object;
  }
  // A constructor's, in a refill of this cache: one is on its way.
  if (c.sheaf_in_hand !== 0 || !may_refill(mode)) {
    pcs_unlock(c);
    return 0;
  }
  if (!flush_sheaves_if_asked(cache, c, mode)) return 0;
  const empty = pop_spare(c);
  pcs_unlock(c);
  object = refill_main(cache, empty, mode);
  if (object !== 0) stat_fast(cache, ALLOC_PCS);
  return object;
}

/**
 * @returns whether this caller refills sheaves. An option of the experiment for CPUs that may not
 * wait: Linux 7.0 left theirs empty at first, so that each allocation went to the slabs, until that
 * was seen to cost ublk two thirds of its throughput.
 */
function may_refill(mode: u32): bool {
  return mode === LOCK_WAIT || (header().options & HEAP_SHEAF_REFILL_WAITS) === 0;
}

/**
 * Refill an empty sheaf from slabs. @returns objects in it now; fewer than it has room for: that
 * was all memory. Context: ordinary, no lock held.
 */
function refill_sheaf(cache: KmemCache, sheaf: Sheaf, mode: u32): u32 {
  const done = slab_alloc_many(cache, sheaf.capacity, 0, sheaf_objects(sheaf), mode);
  sheaf.size = done;
  stat_add(cache, SHEAF_REFILL, done);
  return done;
}

/**
 * Refill a sheaf and make it `main`, whatever that has become meanwhile.
 *
 * @param empty a sheaf of this CPU, or 0: one of the barn, or a new one
 * @returns an object, or 0. Context: ordinary, no lock held.
 */
function refill_main(cache: KmemCache, empty: usize, mode: u32): usize {
  let sheaf = empty;
  if (sheaf === 0) {
    const barn = get_barn(cache, cpu_area().node);
    sheaf = barn_get_empty_sheaf(barn, hand_of(this_cpu_cache(cache)), mode);
  }
  if (sheaf === 0) sheaf = alloc_empty_sheaf(cache, cache.sheaf_capacity);
  if (sheaf === 0) return 0;
  const got = refill_sheaf(cache, changetype<Sheaf>(sheaf), mode);
  if (got === 0) {
    put_away(cache, sheaf, mode);
    return 0;
  }
  // The caller's is taken before anybody else can see the sheaf.
  const full = changetype<Sheaf>(sheaf);
  full.size = got - 1;
  const object = <usize>load<u32>(slot(sheaf_objects(full), got - 1));
  if (!install(cache, full)) put_away(cache, sheaf, mode);
  return object;
}

/** Make a sheaf in hand `main` if that is still empty, else lay it below. @returns true: done. */
function install(cache: KmemCache, sheaf: Sheaf): bool {
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) return false;
  const address = changetype<usize>(sheaf);
  const done = keep_sheaf(cache, c, address);
  if (done && load<u32>(<usize>c.top) === 0 && below_main(c) !== 0) uncover_main(c);
  pcs_unlock(c);
  return done;
}
