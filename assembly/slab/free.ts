/**
 * Freeing: the fast path to the cpu slab; any other slab is put.ts's.
 *
 * Here it is decided what runs before an ordinary slow free: a flush that was asked for, the drain
 * of the heap's arm. Kernel: mm/slub.c do_slab_free(), 6.18.
 */
import { KmemCache, Slab } from "../base/layout";
import { preempt_count } from "../sync/context";
import { cpu_area } from "../sync/percpu";
import { FREE_FASTPATH, stat_fast, tick } from "../sync/stat";
import { free_to_cpu_slab } from "./cpu_freelist";
import { drain_on_slow_free } from "./drain";
import { flush_if_asked, is_asked_to_flush } from "./flush";
import { slab_free_hook } from "./free_hooks";
import { slab_free_chain_nolock, slab_free_nolock } from "./nolock_free";
import { free_to_slab } from "./put";

/**
 * Free one object of `slab`. The fast path is a handful of plain loads and stores.
 *
 * Context: any; outside a plain task it behaves as slab_free_nolock().
 */
export function slab_free(cache: KmemCache, slab: Slab, object: usize): void {
  slab_free_hook(cache, slab, object);
  if (preempt_count() !== 0) {
    slab_free_nolock(cache, slab, object);
  } else if (free_to_cpu_slab(cache, slab, object, object)) {
    stat_fast(cache, FREE_FASTPATH);
  } else {
    slab_free_slow(cache, slab, object, object, 1);
  }
}

/** Free a detached chain of `count` objects of one slab. Context: as slab_free(). */
export function slab_free_chain(
  cache: KmemCache,
  slab: Slab,
  head: usize,
  tail: usize,
  count: u32,
): void {
  if (preempt_count() !== 0) {
    slab_free_chain_nolock(cache, slab, head, count);
  } else if (free_to_cpu_slab(cache, slab, head, tail)) {
    for (let i: u32 = 0; i < count; i++) stat_fast(cache, FREE_FASTPATH);
  } else {
    slab_free_slow(cache, slab, head, tail, count);
  }
}

/** The slow half of an ordinary free: first what the arm wants drained here, then our own. */
function slab_free_slow(cache: KmemCache, slab: Slab, head: usize, tail: usize, count: u32): void {
  tick();
  const mode = cpu_area().task_mode;
  if (is_asked_to_flush(cache)) flush_if_asked(cache, mode);
  drain_on_slow_free(cache, slab, mode);
  // Only a CPU that may not sleep can miss the lock: then it frees as nolock calls do.
  if (!free_to_slab(cache, slab, head, tail, count, mode)) {
    slab_free_chain_nolock(cache, slab, head, count);
  }
}
