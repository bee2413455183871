/**
 * Making sure that nothing waits any more: barriers, and emptying CPUs that go or stand still.
 *
 * A Worker that is idle reaches no safe point, so nobody ever waits for one to drain: its lists
 * are taken by exchange from here, which is safe for any number of takers, and only drains that
 * another CPU is in the middle of are waited for.
 * Kernel: mm/slub.c defer_free_barrier(), flush_all(), slub_cpu_dead(); 6.18.
 */
import { KmemCache } from "../base/layout";
import { CpuArea, DRAIN_DEPTH, DRAIN_FINISHED } from "../base/layout_percpu";
import { cpu_relax, read_once } from "../sync/atomic";
import { lock_mode } from "../sync/context";
import { cpu_area, header, per_cpu, this_cpu_cache } from "../sync/percpu";
import { DEFER_DRAIN_BARRIER } from "../sync/stat";
import { live_cache } from "./cache_table";
import { drain_cache, drain_cache_here, drain_cpu, waits_for_irq_work } from "./drain";
import { flush_this_cpu } from "./flush";
import { has_sheaves } from "./sheaf";
import { flush_pcs, flush_prefilled } from "./sheaf_flush";
import { lock_slab_mutex, unlock_slab_mutex } from "./slab_mutex";

/** Wait until the drain that `area`'s CPU is in the middle of, if any, is over. */
function wait_for_drain(area: CpuArea): void {
  if (area.cpu === cpu_area().cpu) return;
  const drains = changetype<usize>(area) + offsetof<CpuArea>("drains");
  const seen = read_once(drains);
  // Ends: the other CPU finishes a bounded list, and each drain it finishes is counted. Drains
  // inside that one begin and end meanwhile.
  while (true) {
    const now = read_once(drains);
    if ((now & DRAIN_DEPTH) === 0 || (now ^ seen) >= DRAIN_FINISHED) return;
    cpu_relax(drains);
  }
}

/**
 * Free everything that was deferred before this call, on whatever list of whatever CPU.
 *
 * Context: task, no lock held. Other CPUs may go on; what they defer meanwhile may stay.
 * Kernel: defer_free_barrier(), 6.18 - differs: does their work instead of waiting for it.
 */
export function defer_free_barrier(): void {
  const mode = lock_mode();
  const head = header();
  for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) {
    drain_cpu(per_cpu(cpu), DEFER_DRAIN_BARRIER, mode);
  }
  for (let index: u32 = 1; index < head.nr_caches; index++) {
    const cache = live_cache(index);
    if (cache !== 0) drain_cache(changetype<KmemCache>(cache), DEFER_DRAIN_BARRIER, mode);
  }
  for (let cpu: u32 = 0; cpu < head.nr_cpu_ids; cpu++) wait_for_drain(per_cpu(cpu));
}

/** Drain and flush everything this CPU holds. Context: task, no lock held. */
export function flush_everything_here(): void {
  const mode = lock_mode();
  const area = cpu_area();
  // What a missed lock deferred again is drained again: ends, because each turn places what it
  // can and holders of those locks are short. Then no slab may stay with a number nobody has.
  do {
    drain_cpu(area, DEFER_DRAIN_BARRIER, mode);
    flush_caches_here(mode);
  } while (waits_for_irq_work(area));
}

function flush_caches_here(mode: u32): void {
  // Against a destroy elsewhere, which flushes this CPU's part of its cache too.
  lock_slab_mutex(mode);
  // All sheaves before any slab: the memory of one cache's sheaves is an object of another's slabs.
  if (has_sheaves()) flush_sheaves_here(mode);
  const count = header().nr_caches;
  for (let index: u32 = 1; index < count; index++) {
    const address = live_cache(index);
    if (address === 0) continue;
    const cache = changetype<KmemCache>(address);
    drain_cache_here(cache, DEFER_DRAIN_BARRIER, mode);
    flush_this_cpu(cache, mode);
  }
  unlock_slab_mutex();
}

function flush_sheaves_here(mode: u32): void {
  const count = header().nr_caches;
  for (let index: u32 = 1; index < count; index++) {
    const address = live_cache(index);
    if (address === 0) continue;
    const cache = changetype<KmemCache>(address);
    flush_prefilled(cache, this_cpu_cache(cache), mode);
    flush_pcs(cache, this_cpu_cache(cache));
  }
}
