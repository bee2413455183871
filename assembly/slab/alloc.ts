/**
 * Allocation: the fast path from the cpu freelist, and the slow path that refills it.
 *
 * The slow path looks, in this order, at: the cpu slab (objects freed to it remotely), the
 * percpu partial list, the node's partial list, the page allocator. Whatever it finds becomes
 * the cpu slab. With LOCK_TRY nothing is waited for; a slab that cannot be put away then is
 * deferred. Kernel: mm/slub.c __slab_alloc_node(), ___slab_alloc(), get_partial_node(); 6.18.
 */
import { BUG_ON } from "../base/bug";
import { LOCK_TRY, NUMA_NO_NODE } from "../base/config";
import { KmemCache, KmemCacheCpu, KmemCacheNode, Slab } from "../base/layout";
import { serve_growth } from "../page/grow";
import { lock_mode, preempt_count } from "../sync/context";
import { is_rt } from "../sync/local_lock";
import { cpu_area, header, next_word, this_cpu_cache } from "../sync/percpu";
import { next_random } from "../sync/random";
import {
  ALLOC_FASTPATH,
  ALLOC_FROM_PARTIAL,
  ALLOC_NODE_MISMATCH,
  ALLOC_REFILL,
  ALLOC_SLAB,
  ALLOC_SLOWPATH,
  CPUSLAB_FLUSH,
  CPU_PARTIAL_ALLOC,
  CPU_PARTIAL_NODE,
  DEACTIVATE_BYPASS,
  stat,
  stat_fast,
  tick,
} from "../sync/stat";
import { alloc_from_cpu_freelist } from "./cpu_freelist";
import { detach_cpu_slab, thaw } from "./deactivate";
import { debug_slab_alloc } from "./debug_cache";
import { is_debug_cache } from "./debug_layout";
import { defer_slab } from "./defer";
import { deactivate_and_drain, drain_on_switch } from "./drain";
import { flush_if_asked, flush_slab } from "./flush";
import { has_post_alloc_hook, slab_post_alloc_hook, slab_pre_alloc_hook } from "./hooks";
import { cpu_slab, list_or_defer, put_cpu_partial, set_cpu_slab } from "./kmem_cache_cpu";
import { get_node, nr_partial, remove_partial } from "./kmem_cache_node";
import { allocate_slab } from "./new_slab";
import { nolock_refuses, slab_alloc_nolock } from "./nolock";
import { get_freepointer } from "./object";
import { rcu_serve } from "./rcu";
import { list_lock, list_unlock, lock_cpu_slab, unlock_cpu_slab } from "./section";
import { take_freelist } from "./slab";

/** What the steps below return instead of an object when things changed under them. */
const LOOK_AGAIN: usize = 1;

/**
 * Allocate one object.
 *
 * @param node preferred node, or NUMA_NO_NODE
 * @param gfp __GFP_ZERO clears it, __GFP_ACCOUNT charges it (slab/hooks.ts)
 * @returns its address, or 0 when out of memory. Context: any; outside a plain task it behaves
 * as slab_alloc_nolock() and returns 0 where that would be busy.
 */
export function slab_alloc(cache: KmemCache, node: i32, gfp: u32): usize {
  if (preempt_count() !== 0) {
    return nolock_refuses(cache) ? 0 : slab_alloc_nolock(cache, node, gfp);
  }
  if (slab_pre_alloc_hook(cache)) return 0;
  const slab = cpu_slab(this_cpu_cache(cache));
  // With RT the whole of an allocation is under the local lock (kernel: no lockless fast path).
  const suits = slab !== 0 && node_match(changetype<Slab>(slab), node) && !is_rt();
  let object = suits ? alloc_from_cpu_freelist(cache) : 0;
  if (object !== 0) {
    stat_fast(cache, ALLOC_FASTPATH);
  } else {
    tick();
    object = slab_alloc_slow(cache, node, lock_mode());
  }
  if (!has_post_alloc_hook(cache, gfp)) return object;
  return slab_post_alloc_hook(cache, object, gfp, false);
}

/** Hand out the first object of a list and keep the rest. Context: local lock of `c`. */
export function load_freelist(cache: KmemCache, c: KmemCacheCpu, freelist: usize): void {
  const address = changetype<usize>(c);
  const next = get_freepointer(cache, freelist);
  store<u64>(address, next_word(load<u64>(address), next));
}

/** @returns true if `slab` may serve a caller that asked for `node`. */
function node_match(slab: Slab, node: i32): bool {
  return node === NUMA_NO_NODE || slab.node === <u32>node;
}

/**
 * Take from the cpu slab: its list if an interruption filled it, or what was freed remotely.
 *
 * @returns an object; 0 if there is no cpu slab, or no longer; LOOK_AGAIN if it changed.
 */
function alloc_from_cpu_slab(cache: KmemCache, node: i32, mode: u32): usize {
  const c = this_cpu_cache(cache);
  const slab = cpu_slab(c);
  if (slab === 0) return 0;
  // A nolock caller's node is a hint: it takes what is there.
  if (mode !== LOCK_TRY && !node_match(changetype<Slab>(slab), node)) {
    stat(cache, ALLOC_NODE_MISMATCH);
    flush_slab(cache, c, mode);
    return 0;
  }
  lock_cpu_slab(c);
  if (cpu_slab(c) !== slab) {
    unlock_cpu_slab(c);
    return LOOK_AGAIN;
  }
  let freelist = <usize>c.freelist;
  if (freelist !== 0) {
    load_freelist(cache, c, freelist);
  } else {
    freelist = use_slab(cache, c, changetype<Slab>(slab));
    if (freelist === 0) {
      detach_cpu_slab(c);
      unlock_cpu_slab(c);
      bypass_slab(cache, changetype<Slab>(slab), mode);
      return 0;
    }
    stat(cache, ALLOC_REFILL);
  }
  unlock_cpu_slab(c);
  return freelist;
}

/**
 * The cpu slab was full when it was detached: thawed, it belongs to nobody until one of its objects
 * is freed. A free that comes in before gets it onto its node's list.
 */
function bypass_slab(cache: KmemCache, slab: Slab, mode: u32): void {
  if (!thaw(cache, slab)) stat(cache, DEACTIVATE_BYPASS);
  else list_or_defer(cache, slab, mode);
}

/**
 * Take what is free in `slab` as the cpu freelist, with `slab` as the cpu slab.
 *
 * @returns the first object, handed out; 0 with nothing changed if it is full. Context: local lock
 * of `c`; the slab is its cpu slab already, or there is none and the slab is in this CPU's hand.
 */
function use_slab(cache: KmemCache, c: KmemCacheCpu, slab: Slab): usize {
  const freelist = take_freelist(cache, c, slab);
  if (freelist === 0) return 0;
  set_cpu_slab(cache, c, slab);
  load_freelist(cache, c, freelist);
  c.moving = 0;
  return freelist;
}

/**
 * Make the first percpu partial slab that suits the cpu slab.
 *
 * @returns an object; 0 if there is none; LOOK_AGAIN if a cpu slab appeared meanwhile.
 */
function alloc_from_cpu_partial(cache: KmemCache, node: i32, mode: u32): usize {
  // Ends: each turn takes a slab off a list that only this CPU fills.
  while (true) {
    const c = this_cpu_cache(cache);
    if (c.partial === 0) return 0;
    lock_cpu_slab(c);
    if (c.slab !== 0 || c.partial === 0) {
      const again = c.slab !== 0;
      unlock_cpu_slab(c);
      return again ? LOOK_AGAIN : 0;
    }
    const slab = changetype<Slab>(<usize>c.partial);
    c.partial = slab.next;
    slab.next = 0;
    if (mode === LOCK_TRY || node_match(slab, node)) {
      const freelist = use_slab(cache, c, slab);
      BUG_ON(freelist === 0);
      unlock_cpu_slab(c);
      stat(cache, CPU_PARTIAL_ALLOC);
      return freelist;
    }
    unlock_cpu_slab(c);
    list_or_defer(cache, slab, mode);
  }
}

/**
 * Take slabs off a node's partial list: the first for the caller, more for this CPU's list, until
 * that has got more than half of what it may hold.
 *
 * @returns the first slab, in this CPU's hand, not frozen; 0 if there is none or the lock was
 * missed. Context: no list_lock held. Kernel: get_partial_node(), 6.18.
 */
function get_partial_node(cache: KmemCache, node: KmemCacheNode, mode: u32): usize {
  // Without the lock this is a guess; a wrong one costs a new slab, nothing else.
  if (nr_partial(node) === 0 || !list_lock(node, mode)) return 0;
  const enough = cache.cpu_partial_slabs >> 1;
  let kept: usize = 0;
  let moved: u32 = 0;
  while (node.partial !== 0 && moved <= enough) {
    const slab = changetype<Slab>(<usize>node.partial);
    remove_partial(node, slab);
    if (kept === 0) {
      kept = changetype<usize>(slab);
      stat(cache, ALLOC_FROM_PARTIAL);
      if (cache.cpu_partial_slabs === 0) break;
    } else {
      put_cpu_partial(cache, slab, false, mode);
      stat(cache, CPU_PARTIAL_NODE);
      moved++;
    }
  }
  list_unlock(node);
  return kept;
}

/**
 * A partial slab of another node than `local`, if that node has more than it needs and the
 * lottery allows: taking from others too eagerly would spread a CPU's objects over all nodes.
 *
 * @param least a node is asked only if it has more partial slabs than this. Kernel:
 * get_any_partial(), 6.18 - differs: the lottery draws from the CPU's generator.
 */
function get_any_partial(cache: KmemCache, local: u32, least: u32, mode: u32): usize {
  const nodes = header().nr_nodes;
  for (let i: u32 = 1; i < nodes; i++) {
    const node = get_node(cache, (local + i) % nodes);
    if (nr_partial(node) <= least) continue;
    const slab = get_partial_node(cache, node, mode);
    if (slab !== 0) return slab;
  }
  return 0;
}

/** @returns a partial slab of the wanted node, else perhaps of another. Kernel: get_partial(). */
function get_partial(cache: KmemCache, node: i32, mode: u32): usize {
  const local = node === NUMA_NO_NODE ? cpu_area().node : <u32>node;
  const slab = get_partial_node(cache, get_node(cache, local), mode);
  if (slab !== 0 || header().nr_nodes === 1) return slab;
  if (next_random() % 1024 > cache.remote_node_defrag_ratio) return 0;
  return get_any_partial(cache, local, cache.min_partial, mode);
}

/**
 * A slab for a caller that asked for `node`, only from there and only what is ready; then for
 * anybody, from anywhere; and before giving up, whatever any node has left.
 *
 * @returns its descriptor, in this CPU's hand, not frozen; 0 when out of memory. Kernel:
 * new_objects in ___slab_alloc(), 6.18 - differs: the kernel has no last look.
 */
function get_slab(cache: KmemCache, node: i32, mode: u32): usize {
  const nodes = header().nr_nodes;
  let slab: usize = 0;
  if (nodes > 1 && node !== NUMA_NO_NODE) {
    slab = get_partial_node(cache, get_node(cache, <u32>node), mode);
    if (slab === 0) slab = get_new_slab(cache, node, true, mode);
  }
  if (slab === 0) slab = get_partial(cache, node, mode);
  if (slab === 0) slab = get_new_slab(cache, node, false, mode);
  if (slab === 0 && nodes > 1) slab = get_any_partial(cache, cpu_area().node, 0, mode);
  return slab;
}

/** A new slab. @returns 0 if there is none. */
function get_new_slab(cache: KmemCache, node: i32, only: bool, mode: u32): usize {
  const slab = allocate_slab(cache, node, only, mode);
  if (slab !== 0) stat(cache, ALLOC_SLAB);
  return slab;
}

/**
 * Make a slab in this CPU's hand the cpu slab and hand out its first object.
 *
 * A constructor, a trace point or an NMI may have installed another meanwhile; that one is put
 * away, because this one is not on any list yet. Both happen in one section: were the other taken
 * out in a section of its own, whatever allocates at its end would install a third, without end.
 * Kernel: retry_load_slab in ___slab_alloc(), 6.18 - differs: which tries again.
 */
function install_slab(cache: KmemCache, slab: Slab, mode: u32): usize {
  const c = this_cpu_cache(cache);
  lock_cpu_slab(c);
  const other = detach_cpu_slab(c);
  const object = use_slab(cache, c, slab);
  unlock_cpu_slab(c);
  if (other !== 0) {
    stat(cache, CPUSLAB_FLUSH);
    if (mode === LOCK_TRY) defer_slab(cache, changetype<Slab>(other));
    else deactivate_and_drain(cache, changetype<Slab>(other), mode);
  }
  return object;
}

/**
 * The slow path: refill the cpu slab and take one object.
 *
 * @param mode LOCK_TRY for nolock callers; then the local lock must be free
 * @returns an object, or 0: out of memory, or nothing to be had without waiting.
 * Context: local lock free, no list_lock held. Kernel: ___slab_alloc(), 6.18.
 */
export function slab_alloc_slow(cache: KmemCache, node: i32, mode: u32): usize {
  stat(cache, ALLOC_SLOWPATH);
  if (mode !== LOCK_TRY) {
    serve_growth();
    flush_if_asked(cache, mode);
    rcu_serve();
  }
  if (isDefined(SLUB_DEBUG)) {
    if (is_debug_cache(cache)) return debug_slab_alloc(cache, node, mode);
  }
  const before = this_cpu_cache(cache).slab;
  // Ends: LOOK_AGAIN means that somebody nested in this call allocated or freed here.
  while (true) {
    let object = alloc_from_cpu_slab(cache, node, mode);
    if (object === 0) object = alloc_from_cpu_partial(cache, node, mode);
    if (object === LOOK_AGAIN) continue;
    if (object === 0) object = alloc_from_new_cpu_slab(cache, node, mode);
    if (this_cpu_cache(cache).slab !== before) drain_on_switch(cache, mode);
    return object;
  }
}

/** From a slab that was not this CPU's: partial on a node, or new. */
function alloc_from_new_cpu_slab(cache: KmemCache, node: i32, mode: u32): usize {
  const slab = get_slab(cache, node, mode);
  return slab === 0 ? 0 : install_slab(cache, changetype<Slab>(slab), mode);
}
