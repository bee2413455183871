/**
 * Refilling the cpu slab: the slow path of every allocation.
 *
 * It looks, in this order, at: the cpu slab (objects freed to it remotely), the percpu partial
 * list, the node's partial list, the page allocator. Whatever it finds becomes the cpu slab. With
 * LOCK_TRY nothing is waited for; a slab that cannot be put away then is deferred. Kernel:
 * mm/slub.c ___slab_alloc(), 6.18.
 */
import { BUG_ON } from "../base/bug";
import { LOCK_TRY, NUMA_NO_NODE } from "../base/config";
import { KmemCache, KmemCacheCpu, Slab } from "../base/layout";
import { serve_growth } from "../page/grow";
import { cpu_area, next_word, this_cpu_cache } from "../sync/percpu";
import {
  ALLOC_NODE_MISMATCH,
  ALLOC_REFILL,
  ALLOC_SLOWPATH,
  CPUSLAB_FLUSH,
  CPU_PARTIAL_ALLOC,
  DEACTIVATE_BYPASS,
  DEFER_DRAIN_SWITCH,
  stat,
} from "../sync/stat";
import { detach_cpu_slab, thaw } from "./deactivate";
import { debug_slab_alloc } from "./debug_cache_alloc";
import { is_debug_cache } from "./debug_layout";
import { defer_slab } from "./defer";
import { deactivate_and_drain, drain_at } from "./drain";
import { flush_if_asked, flush_slab } from "./flush";
import { get_slab } from "./get_partial";
import { cpu_slab, list_or_defer, set_cpu_slab } from "./kmem_cache_cpu";
import { get_freepointer } from "./object";
import { rcu_serve } from "./rcu_serve";
import { lock_cpu_slab, unlock_cpu_slab } from "./section";
import { take_freelist } from "./slab";

/** What the steps below return instead of an object when things changed under them. */
const LOOK_AGAIN: usize = 1;

/** Hand out the first object of a list and keep the rest. Context: local lock of `c`. */
export function load_freelist(cache: KmemCache, c: KmemCacheCpu, freelist: usize): void {
  const address = changetype<usize>(c);
  const next = get_freepointer(cache, freelist);
  store<u64>(address, next_word(load<u64>(address), next));
}

/** @returns true if `slab` may serve a caller that asked for `node`. */
export function node_match(slab: Slab, node: i32): bool {
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
    serve_growth(mode);
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
    if (this_cpu_cache(cache).slab !== before) {
      drain_at(DEFER_DRAIN_SWITCH, cache, cpu_area().node, mode);
    }
    return object;
  }
}

/** From a slab that was not this CPU's: partial on a node, or new. */
function alloc_from_new_cpu_slab(cache: KmemCache, node: i32, mode: u32): usize {
  const slab = get_slab(cache, node, mode);
  return slab === 0 ? 0 : install_slab(cache, changetype<Slab>(slab), mode);
}
