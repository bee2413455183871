/**
 * The percpu partial list: slabs with free objects that this CPU keeps for itself.
 *
 * A slab on it is not frozen, carries no SL_PARTIAL, is in this CPU's hand, and is linked by
 * `next`; `slabs` of the first is the length. Only its CPU touches the list, under the local
 * lock; remote frees to such a slab are one cmpxchg and nothing else.
 * Kernel: mm/slub.c put_cpu_partial(), __put_partials(); 6.18.
 */
import { SLAB_ACCOUNT } from "../base/config";
import { CPU_SLAB_ASKS, KmemCache, KmemCacheCpu, Slab } from "../base/layout";
import { hold } from "../page/hand";
import { this_cpu_cache } from "../sync/percpu";
import {
  CPU_PARTIAL_DRAIN,
  DEACTIVATE_EMPTY,
  DEACTIVATE_TO_TAIL,
  FREE_ADD_PARTIAL,
  FREE_SLAB,
  stat,
} from "../sync/stat";
import { defer_slab } from "./defer";
import { add_partial, nr_partial, slab_node } from "./kmem_cache_node";
import { discard_slab } from "./new_slab";
import { list_lock, list_unlock, lock_cpu_slab, unlock_cpu_slab } from "./section";
import { slab_word, word_inuse } from "./slab";

/** @returns true if caches of this size keep percpu partial slabs at all. */
export function kmem_cache_has_cpu_partial(cache: KmemCache): bool {
  return cache.cpu_partial_slabs !== 0;
}

/** @returns the cpu slab of `c`, or 0. Context: any. */
export function cpu_slab(c: KmemCacheCpu): usize {
  return <usize>c.slab & ~(<usize>CPU_SLAB_ASKS);
}

/** Make `slab`, frozen and in this CPU's hand, its cpu slab. Context: local lock of `c`. */
export function set_cpu_slab(cache: KmemCache, c: KmemCacheCpu, slab: Slab): void {
  const asks = (cache.flags & SLAB_ACCOUNT) !== 0 ? CPU_SLAB_ASKS : 0;
  c.slab = <u32>changetype<usize>(slab) | asks;
  slab.in_hand = 0;
}

/** Push a slab. Context: local lock of `c`. */
function push_partial(c: KmemCacheCpu, slab: Slab): void {
  const first = c.partial;
  hold(slab);
  slab.next = first;
  slab.slabs = first === 0 ? 1 : changetype<Slab>(<usize>first).slabs + 1;
  c.partial = <u32>changetype<usize>(slab);
}

/**
 * Put a slab that has free objects and is on no list into its node's hands: onto the partial
 * list, or back to the page allocator if it is empty and the node keeps enough.
 *
 * @param where DEACTIVATE_TO_HEAD or DEACTIVATE_TO_TAIL of the list
 * @param counter what is counted when it is listed
 * @returns false, with nothing changed, if list_lock was not to be had.
 */
export function put_partial_slab(
  cache: KmemCache,
  slab: Slab,
  where: u32,
  counter: u32,
  mode: u32,
): bool {
  const node = slab_node(cache, slab);
  if (!list_lock(node, mode)) return false;
  // Empty is final under the lock: nobody can allocate from a slab that is in our hand.
  if (word_inuse(slab_word(slab)) === 0 && nr_partial(node) >= cache.min_partial) {
    list_unlock(node);
    stat(cache, DEACTIVATE_EMPTY);
    discard_slab(cache, slab, mode);
    stat(cache, FREE_SLAB);
    return true;
  }
  add_partial(node, slab, where);
  stat(cache, counter);
  list_unlock(node);
  return true;
}

/** The same for a slab that comes from a percpu partial list, or would have gone there. */
export function unfreeze_partial(cache: KmemCache, slab: Slab, mode: u32): bool {
  return put_partial_slab(cache, slab, DEACTIVATE_TO_TAIL, FREE_ADD_PARTIAL, mode);
}

/**
 * Hand a detached percpu partial list to the nodes.
 *
 * @returns the rest of the list, from the first slab whose lock was missed; 0 when all are gone.
 */
export function put_partials(cache: KmemCache, first: usize, mode: u32): usize {
  while (first !== 0) {
    const slab = changetype<Slab>(first);
    const next = <usize>slab.next;
    if (!unfreeze_partial(cache, slab, mode)) break;
    first = next;
  }
  return first;
}

/** Take a list that could not be handed over back, slab by slab. */
function keep_partials(cache: KmemCache, first: usize): void {
  while (first !== 0) {
    const slab = changetype<Slab>(first);
    first = <usize>slab.next;
    const c = this_cpu_cache(cache);
    lock_cpu_slab(c);
    push_partial(c, slab);
    unlock_cpu_slab(c);
  }
}

/**
 * Put a slab in front of this CPU's partial list. With `drain`, a list that is long enough goes
 * to the nodes first; without, or where a lock is missed, the list may grow beyond its bound.
 *
 * Context: the local lock is free; list_lock may be held when `drain` is false (so the local
 * lock nests inside list_lock). Kernel: put_cpu_partial(), 6.18 - differs: a caller that may not
 * wait keeps what it could not hand over.
 */
export function put_cpu_partial(cache: KmemCache, slab: Slab, drain: bool, mode: u32): void {
  const c = this_cpu_cache(cache);
  let detached: usize = 0;
  lock_cpu_slab(c);
  const first = <usize>c.partial;
  if (drain && first !== 0 && changetype<Slab>(first).slabs >= cache.cpu_partial_slabs) {
    detached = first;
    c.partial = 0;
  }
  push_partial(c, slab);
  unlock_cpu_slab(c);
  if (detached !== 0) {
    stat(cache, CPU_PARTIAL_DRAIN);
    keep_partials(cache, put_partials(cache, detached, mode));
  }
}

/** Put a thawed slab in this CPU's hand onto its node's list, or let it wait for irq_work. */
export function list_or_defer(cache: KmemCache, slab: Slab, mode: u32): void {
  if (!unfreeze_partial(cache, slab, mode)) defer_slab(cache, slab);
}
