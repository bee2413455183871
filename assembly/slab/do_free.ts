/**
 * A free past the sheaves: the fast path to the cpu slab; any other slab is put.ts's.
 *
 * Here it is decided what runs before an ordinary slow free: a flush that was asked for, the drain
 * of the heap's arm. Kernel: mm/slub.c do_slab_free(), 6.18.
 */
import { KmemCache, Slab } from "../base/layout";
import { preempt_count } from "../sync/context";
import { llist_empty } from "../sync/llist";
import { cpu_area } from "../sync/percpu";
import {
  DEFER_DRAIN_SLOW_FREE,
  DEFER_LOOK_EMPTY,
  FREE_FASTPATH,
  stat_fast,
  stat_verbose,
  tick,
} from "../sync/stat";
import { free_to_cpu_slab } from "./cpu_freelist";
import { deferred_list } from "./defer";
import { drain_at, drains_at } from "./drain";
import { flush_if_asked, is_asked_to_flush } from "./flush";
import { slab_free_chain_nolock } from "./nolock_free";
import { free_to_slab } from "./put";

/** Free a detached chain of `count` objects of one slab. Context: ordinary. */
export function do_slab_free(
  cache: KmemCache,
  slab: Slab,
  head: usize,
  tail: usize,
  count: u32,
): void {
  if (free_to_cpu_slab(cache, slab, head, tail)) {
    for (let i: u32 = 0; i < count; i++) stat_fast(cache, FREE_FASTPATH);
  } else {
    slab_free_slow(cache, slab, head, tail, count);
  }
}

/** Free a detached chain of `count` objects of one slab, past the sheaves. Context: any. */
export function slab_free_chain(
  cache: KmemCache,
  slab: Slab,
  head: usize,
  tail: usize,
  count: u32,
): void {
  if (preempt_count() !== 0) slab_free_chain_nolock(cache, slab, head, count);
  else do_slab_free(cache, slab, head, tail, count);
}

/**
 * The look of the arms that drain at a slow free: one load, and a branch where something waits.
 * Kernel: version 1 of the patch, do_slab_free().
 */
function look_at_deferred(cache: KmemCache, slab: Slab, mode: u32): void {
  if (llist_empty(deferred_list(cpu_area(), cache, slab.node))) {
    stat_verbose(cache, DEFER_LOOK_EMPTY);
  } else {
    drain_at(DEFER_DRAIN_SLOW_FREE, cache, slab.node, mode);
  }
}

/** The slow half of an ordinary free: first what the arm wants drained here, then our own. */
export function slab_free_slow(
  cache: KmemCache,
  slab: Slab,
  head: usize,
  tail: usize,
  count: u32,
): void {
  tick();
  const mode = cpu_area().task_mode;
  if (is_asked_to_flush(cache)) flush_if_asked(cache, mode);
  if (drains_at(DEFER_DRAIN_SLOW_FREE)) look_at_deferred(cache, slab, mode);
  // Only a CPU that may not sleep can miss the lock: then it frees as nolock calls do.
  if (!free_to_slab(cache, slab, head, tail, count, mode)) {
    slab_free_chain_nolock(cache, slab, head, count);
  }
}
