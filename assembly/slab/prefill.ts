/**
 * Prefilled sheaves: a number of objects that a caller has for sure, before it begins what must not
 * fail in the middle.
 *
 * A sheaf that is out is its CPU's: it stands in the barn's list of those, with that CPU's number
 * in `bottom`, so that `validate` finds its objects, a cache with one out is not destroyed, a CPU
 * that leaves gives its own back, and whoever recovers a dead CPU frees them. Its objects count as
 * free, like those in any sheaf, until kmem_cache_alloc_from_sheaf() hands one out: by the size
 * first, so that who dies has lost what it was about to return.
 *
 * Prefill, refill and return take memory, locks and other sheaves, so they are refused where nobody
 * may wait. To allocate from a sheaf touches that alone, and is for any context.
 * Kernel: mm/slub.c kmem_cache_prefill_sheaf() and the like; 7.0 - differs: of the CPU, not of the
 * caller, and at most MAX_SHEAF_CAPACITY objects; at a memory control group's limit an object is
 * handed out uncharged, where the kernel charges beyond the limit.
 */
import { slot } from "../base/bits";
import { LOCK_TRY } from "../base/config";
import { KmemCache, KmemCacheCpu } from "../base/layout";
import { MAX_SHEAF_CAPACITY, Sheaf } from "../base/layout_sheaf";
import { lock_mode } from "../sync/context";
import { cpu_area, this_cpu_cache } from "../sync/percpu";
import {
  BARN_GET,
  BARN_GET_FAIL,
  SHEAF_PREFILL_FAST,
  SHEAF_PREFILL_OVERSIZE,
  SHEAF_PREFILL_SLOW,
  SHEAF_REFILL,
  SHEAF_RETURN_FAST,
  SHEAF_RETURN_SLOW,
  stat,
  stat_add,
} from "../sync/stat";
import { TRACE_KMEM_CACHE_ALLOC, trace } from "../sync/trace";
import { slab_post_alloc_hook_nofail } from "./alloc_hooks";
import {
  barn_give_out,
  barn_has_room,
  barn_put_full_sheaf,
  barn_take_any,
  barn_take_back,
  get_barn,
  hand_of,
} from "./barn";
import { slab_alloc_many } from "./do_alloc";
import { keep_sheaf } from "./pcs";
import { pop_below, pop_spare } from "./pcs_stack";
import { reclaim_sheaves } from "./reclaim";
import { has_sheaves, pcs_trylock, pcs_unlock, sheaf_objects } from "./sheaf";
import { drop_sheaf } from "./sheaf_flush";
import { alloc_empty_sheaf } from "./sheaf_memory";

/** @returns a sheaf of this CPU in its hand, with objects if it has such, or 0. */
function take_own(c: KmemCacheCpu): usize {
  if (!pcs_trylock(c)) return 0;
  let sheaf = pop_below(c);
  if (sheaf === 0) sheaf = pop_spare(c);
  pcs_unlock(c);
  return sheaf;
}

/** @returns a sheaf of the cache's own capacity in this CPU's hand, with what it has; or 0. */
function take_sheaf(cache: KmemCache, mode: u32): usize {
  let sheaf = take_own(this_cpu_cache(cache));
  stat(cache, sheaf !== 0 ? SHEAF_PREFILL_FAST : SHEAF_PREFILL_SLOW);
  if (sheaf !== 0) return sheaf;
  sheaf = barn_take_any(get_barn(cache, cpu_area().node), hand_of(this_cpu_cache(cache)), mode);
  const has = sheaf !== 0 && changetype<Sheaf>(sheaf).size !== 0;
  stat(cache, has ? BARN_GET : BARN_GET_FAIL);
  return sheaf !== 0 ? sheaf : alloc_empty_sheaf(cache, cache.sheaf_capacity);
}

/**
 * Fill a sheaf of this CPU's hand, as far as memory goes. It says what it had until the others are
 * all there: what a CPU that dies here has taken is lost, and known to be by the hand and by
 * `bottom` (reap/sheaves.ts). Context: ordinary, no lock held.
 */
function fill(cache: KmemCache, sheaf: Sheaf, mode: u32): void {
  const before = sheaf.size;
  sheaf.size = slab_alloc_many(cache, sheaf.capacity, before, sheaf_objects(sheaf), mode);
  stat_add(cache, SHEAF_REFILL, sheaf.size - before);
}

/** The same with one in the list of those that are out. Context: also an empty hand. */
function fill_listed(cache: KmemCache, sheaf: Sheaf, mode: u32): void {
  const c = this_cpu_cache(cache);
  c.sheaf_in_hand = <u32>changetype<usize>(sheaf);
  fill(cache, sheaf, mode);
  c.sheaf_in_hand = 0;
}

/** @returns true if a sheaf that is out now has `count` objects at least. */
function top_up(cache: KmemCache, sheaf: Sheaf, count: u32, mode: u32): bool {
  if (sheaf.size < count) fill_listed(cache, sheaf, mode);
  if (sheaf.size >= count) return true;
  // What other sheaves hold is never the reason for "out of memory".
  reclaim_sheaves(mode);
  fill_listed(cache, sheaf, mode);
  return sheaf.size >= count;
}

/**
 * @returns true if nobody may prefill, refill or return here: none may wait, or it is a call of a
 * constructor's, in a refill of this cache, which has the one hand.
 */
function is_refused(cache: KmemCache, mode: u32): bool {
  return !has_sheaves() || mode === LOCK_TRY || this_cpu_cache(cache).sheaf_in_hand !== 0;
}

/**
 * Get a sheaf with `count` objects at least.
 *
 * @param count 1 .. MAX_SHEAF_CAPACITY; more than the cache's capacity makes one for this alone
 * @returns its address; 0: out of memory, no such count, no heap with sheaves, a context in which
 * nobody may wait, or a constructor of this cache. Context: task. Kernel:
 * kmem_cache_prefill_sheaf(), 7.0.
 */
export function kmem_cache_prefill_sheaf(cache: KmemCache, count: u32): usize {
  const mode = lock_mode();
  if (is_refused(cache, mode) || count - 1 >= MAX_SHEAF_CAPACITY) return 0;
  const oversize = count > cache.sheaf_capacity;
  if (oversize) stat(cache, SHEAF_PREFILL_OVERSIZE);
  const address = oversize ? alloc_empty_sheaf(cache, count) : take_sheaf(cache, mode);
  if (address === 0) return 0;
  const c = this_cpu_cache(cache);
  barn_give_out(get_barn(cache, cpu_area().node), c, changetype<Sheaf>(address), mode);
  if (top_up(cache, changetype<Sheaf>(address), count, mode)) return address;
  if (take_back(cache, address, mode)) drop_sheaf(cache, hand_of(c), address);
  return 0;
}

/** Let a sheaf of this CPU that is out be in its hand. @returns false: it has no such sheaf. */
function take_back(cache: KmemCache, sheaf: usize, mode: u32): bool {
  const barn = get_barn(cache, cpu_area().node);
  return barn_take_back(barn, this_cpu_cache(cache), sheaf, cpu_area().cpu + 1, mode) !== 0;
}

/**
 * Take an object out of a sheaf.
 *
 * @param sheaf what kmem_cache_prefill_sheaf() gave on this CPU
 * @returns an object as long as there is one, else 0. Context: any. Kernel:
 * kmem_cache_alloc_from_sheaf(), 7.0.
 */
export function kmem_cache_alloc_from_sheaf(cache: KmemCache, gfp: u32, sheaf: usize): usize {
  const s = changetype<Sheaf>(sheaf);
  const size = has_sheaves() ? s.size : 0;
  if (size === 0) return 0;
  s.size = size - 1;
  const object = <usize>load<u32>(slot(sheaf_objects(s), size - 1));
  slab_post_alloc_hook_nofail(cache, object, gfp);
  trace(TRACE_KMEM_CACHE_ALLOC, object, changetype<usize>(cache), <usize>gfp);
  return object;
}

/** @returns objects in a sheaf that is out. Context: any. Kernel: kmem_cache_sheaf_size(), 7.0. */
export function kmem_cache_sheaf_size(sheaf: usize): u32 {
  return has_sheaves() ? changetype<Sheaf>(sheaf).size : 0;
}

/**
 * Make a sheaf that is out have `count` objects at least.
 *
 * @returns the sheaf to go on with: another one if that had no room for so many, and then the old
 * one is returned; 0: as kmem_cache_prefill_sheaf(), and the old one stays out. Context: task.
 * Kernel: kmem_cache_refill_sheaf(), 7.0.
 */
export function kmem_cache_refill_sheaf(cache: KmemCache, sheaf: usize, count: u32): usize {
  if (!has_sheaves()) return 0;
  const mode = lock_mode();
  const s = changetype<Sheaf>(sheaf);
  if (s.size >= count) return sheaf;
  if (is_refused(cache, mode)) return 0;
  if (s.capacity >= count) return top_up(cache, s, count, mode) ? sheaf : 0;
  const larger = kmem_cache_prefill_sheaf(cache, count);
  if (larger !== 0) kmem_cache_return_sheaf(cache, sheaf);
  return larger;
}

/** Let a sheaf in hand be one of this CPU's. @returns false: no room for it. Context: ordinary. */
function keep_returned(cache: KmemCache, sheaf: Sheaf): bool {
  const c = this_cpu_cache(cache);
  if (!pcs_trylock(c)) return false;
  const owner = sheaf.bottom;
  // Before the fast paths may find it: below the first object there is a 0.
  sheaf.bottom = 0;
  const done = keep_sheaf(cache, c, changetype<usize>(sheaf));
  if (!done) sheaf.bottom = owner;
  pcs_unlock(c);
  return done;
}

/** Refill a sheaf in hand for the barn. @returns false: that has no room, or memory is out. */
function fill_barn(cache: KmemCache, sheaf: Sheaf, mode: u32): bool {
  const barn = get_barn(cache, cpu_area().node);
  if (!barn_has_room(cache, barn)) return false;
  fill(cache, sheaf, mode);
  if (sheaf.size !== sheaf.capacity) return false;
  sheaf.bottom = 0;
  const c = this_cpu_cache(cache);
  return barn_put_full_sheaf(cache, barn, hand_of(c), changetype<usize>(sheaf), mode);
}

/**
 * Give a sheaf back with what is left in it: it is one of this CPU's; or is refilled and goes to
 * the barn, if that has room; or is flushed, as one of another capacity always is.
 *
 * @returns false: this CPU has no such sheaf, or it is refused, as a prefill is. Context: task.
 * Kernel: kmem_cache_return_sheaf(), 7.0.
 */
export function kmem_cache_return_sheaf(cache: KmemCache, sheaf: usize): bool {
  const mode = lock_mode();
  if (is_refused(cache, mode)) return false;
  if (!take_back(cache, sheaf, mode)) return false;
  const s = changetype<Sheaf>(sheaf);
  if (s.capacity === cache.sheaf_capacity) {
    if (keep_returned(cache, s)) {
      stat(cache, SHEAF_RETURN_FAST);
      return true;
    }
    stat(cache, SHEAF_RETURN_SLOW);
    if (fill_barn(cache, s, mode)) return true;
  }
  drop_sheaf(cache, hand_of(this_cpu_cache(cache)), sheaf);
  return true;
}
