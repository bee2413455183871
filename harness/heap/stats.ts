/**
 * stats(): every counter of every cache, an entry per CPU (kernel: /sys/kernel/slab/CACHE/STAT).
 *
 * Each CPU counts into lines of its own without atomics, so readings of a busy heap are exact for
 * no single moment, and monotone all the same.
 */
import { STAT_ITEMS, type StatItem, VERBOSE_ITEMS } from "./stat-items.js";
import type { CacheView, HeapView } from "./view.js";

/** By counter: one number per CPU. A counter that the build leaves out is absent. */
export type CacheStats = { readonly [Item in StatItem]?: readonly number[] };
/** By name of the cache. */
export type HeapStats = Readonly<Record<string, CacheStats>>;

/** Read the counters of all caches, by cache name. */
export function readStats(view: HeapView): HeapStats {
  view.refresh();
  const entries = [...view.caches()].map((cache) => [cache.name, cacheStats(view, cache)] as const);
  return Object.fromEntries(entries);
}

function cacheStats(view: HeapView, cache: CacheView): CacheStats {
  const kept = view.table.build.counts
    ? STAT_ITEMS
    : STAT_ITEMS.filter((item) => !VERBOSE_ITEMS.has(item));
  const cpus = Array.from({ length: view.cpuCount }, (_, cpu) => cpu);
  const { STAT_STRIDE } = view.table.constants;
  const valuesOf = (item: StatItem) => {
    const offset = STAT_ITEMS.indexOf(item) * 8;
    return cpus.map((cpu) => view.u64(cache.stat_base + cpu * STAT_STRIDE + offset));
  };
  return Object.fromEntries(kept.map((item) => [item, valuesOf(item)]));
}
