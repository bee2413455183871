/**
 * Putting objects back onto the freelist of their slab, whoever has it, and the slab onto the list
 * it then belongs to.
 *
 * What frees and what drains both end here; it decides nothing about when.
 * Kernel: mm/slub.c __slab_free(), 6.18.
 */
import { KmemCache, Slab } from "../base/layout";
import { claim, claim_move, hold } from "../page/hand";
import {
  CPU_PARTIAL_FREE,
  DEACTIVATE_TO_TAIL,
  FREE_ADD_PARTIAL,
  FREE_FROZEN,
  FREE_REMOVE_PARTIAL,
  FREE_SLAB,
  FREE_SLOWPATH,
  stat,
} from "../sync/stat";
import { free_to_partial_list } from "./debug_cache_free";
import { is_debug_cache } from "./debug_layout";
import { kmem_cache_has_cpu_partial, put_cpu_partial } from "./kmem_cache_cpu";
import {
  add_partial,
  nr_partial,
  remove_partial,
  slab_node,
  slab_test_node_partial,
} from "./kmem_cache_node";
import { discard_slab } from "./new_slab";
import { set_freepointer } from "./object";
import { list_lock, list_unlock } from "./section";
import {
  make_word,
  slab_word,
  try_update,
  update_slow,
  word_freelist,
  word_frozen,
  word_inuse,
  word_objects,
} from "./slab";

/** Does this free need list_lock before its cmpxchg? */
function needs_list_lock(cache: KmemCache, prior: usize, inuse: u32, frozen: bool): bool {
  if (frozen || (inuse !== 0 && prior !== 0)) return false;
  return prior !== 0 || !kmem_cache_has_cpu_partial(cache);
}

/**
 * Put a chain of `count` objects onto the freelist of its slab, which may be anybody's.
 *
 * - Publishes: the free pointers of the chain; `tail` points at the list that the cmpxchg replaces.
 * - Races with: frees by other CPUs, and the freezing or thawing of the slab; then all is
 *   computed again, list_lock included.
 * - Ends: a retry means that somebody else got through.
 * - list_lock is taken before the cmpxchg whenever the slab might have to change lists, so that
 *   "empty" or "no longer full" and the list move are one step to whoever holds the lock.
 *
 * @returns false, with nothing changed, if list_lock was not to be had (not with LOCK_WAIT).
 * Context: local lock free, no list_lock held. Kernel: __slab_free(), 6.18.
 */
export function free_to_slab(
  cache: KmemCache,
  slab: Slab,
  head: usize,
  tail: usize,
  count: u32,
  mode: u32,
): bool {
  if (isDefined(SLUB_DEBUG)) {
    if (is_debug_cache(cache)) return free_to_partial_list(cache, slab, head, tail, count, mode);
  }
  while (true) {
    const old = slab_word(slab);
    const prior = word_freelist(old);
    const inuse = word_inuse(old) - count;
    const frozen = word_frozen(old);
    const locked = needs_list_lock(cache, prior, inuse, frozen);
    if (locked && !list_lock(slab_node(cache, slab), mode)) return false;
    const to_partial = prior === 0 && !frozen && !locked;
    set_freepointer(cache, tail, prior);
    const word = make_word(head, inuse, word_objects(old), frozen);
    if (to_partial) claim_move(1);
    if (!try_update(cache, slab, old, word) && !update_slow(cache, slab, old, word)) {
      if (to_partial) claim_move(-1);
      if (locked) list_unlock(slab_node(cache, slab));
      continue;
    }
    stat(cache, FREE_SLOWPATH);
    if (locked) {
      settle_locked(cache, slab, prior, inuse, mode);
    } else if (frozen) {
      stat(cache, FREE_FROZEN);
    } else if (to_partial) {
      // It was full and on no list. Now it is ours: whoever frees next finds it partial and
      // leaves it alone.
      if (claim(slab)) {
        put_cpu_partial(cache, slab, true, mode);
        stat(cache, CPU_PARTIAL_FREE);
      }
    }
    return true;
  }
}

/** The list moves after a free that took list_lock; releases it. */
function settle_locked(cache: KmemCache, slab: Slab, prior: usize, inuse: u32, mode: u32): void {
  const node = slab_node(cache, slab);
  // A partly free slab that is not on the node's list is some CPU's percpu partial slab, or
  // waits to be put away: its holder will see that it is empty.
  if (prior !== 0 && !slab_test_node_partial(slab)) {
    list_unlock(node);
    return;
  }
  if (inuse === 0 && nr_partial(node) >= cache.min_partial) {
    hold(slab);
    if (prior !== 0) {
      remove_partial(node, slab);
      stat(cache, FREE_REMOVE_PARTIAL);
    }
    list_unlock(node);
    stat(cache, FREE_SLAB);
    discard_slab(cache, slab, mode);
    return;
  }
  if (prior === 0) {
    add_partial(node, slab, DEACTIVATE_TO_TAIL);
    stat(cache, FREE_ADD_PARTIAL);
  }
  list_unlock(node);
}
