/**
 * What the kernel's slabinfo tool knows about a cache, read from a heap or a copy of one.
 *
 * The quantities are those of /sys/kernel/slab/CACHE (mm/slub.c show_slab_objects()): objects that
 * a CPU keeps for itself count as allocated, and slabs that a CPU keeps, its cpu slab and those on
 * its partial list, count as cpu slabs. Of a busy heap they are estimates, as there.
 */
import {
  SLAB_CONSISTENCY_CHECKS,
  SLAB_HWCACHE_ALIGN,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
  SLAB_TRACE,
  SLAB_TYPESAFE_BY_RCU,
} from "../../heap/flags.js";
import { OBJECT_POISON } from "../../heap/constants.js";
import { type SlabInfo, readSlabinfo } from "../../heap/slabinfo.js";
import { STAT_ITEMS, type StatItem } from "../../heap/stat-items.js";
import { type CacheStats, readStats } from "../../heap/stats.js";
import type { CacheView, HeapView } from "../../heap/view.js";
import { walkPages } from "../../heap/walk.js";

/** One cache; the comment gives the name of the file in sysfs where that differs. */
export interface SlabCache {
  readonly name: string;
  /** Caches merged into this one: none, as Slablab merges none. */
  readonly aliases: number;
  /** Bytes that a user asked for: object_size. */
  readonly objectSize: number;
  /** Bytes from one object to the next: slab_size. */
  readonly slabSize: number;
  readonly align: number;
  readonly order: number;
  /** Bytes of a slab of that order. */
  readonly slabBytes: number;
  readonly objsPerSlab: number;
  /** Allocated objects. */
  readonly objects: number;
  /** Of these, on slabs of partial lists: objects_partial. */
  readonly objectsPartial: number;
  /** Places for objects: total_objects. */
  readonly objectsTotal: number;
  readonly slabs: number;
  /** Slabs on the nodes' partial lists. */
  readonly partial: number;
  readonly cpuSlabs: number;
  readonly hwcacheAlign: boolean;
  readonly destroyByRcu: boolean;
  readonly sanityChecks: boolean;
  readonly redZone: boolean;
  readonly poison: boolean;
  readonly storeUser: boolean;
  readonly trace: boolean;
  /** Sums over all CPUs; 0 for a counter that the build leaves out. */
  readonly stats: Readonly<Record<StatItem, number>>;
}

/** All caches, in the order of the cache table. */
export function readSlabCaches(view: HeapView): SlabCache[] {
  const infos = readSlabinfo(view);
  const stats = readStats(view);
  return [...view.caches()].flatMap((cache, place) => {
    const info = infos[place];
    // A cache that came between the readings is for the next one.
    return info?.name === cache.name ? [readCache(view, cache, info, stats[cache.name] ?? {})] : [];
  });
}

function readCache(view: HeapView, cache: CacheView, info: SlabInfo, stats: CacheStats): SlabCache {
  const has = (flag: number) => (cache.flags & flag) !== 0;
  return {
    name: cache.name,
    aliases: 0,
    objectSize: cache.object_size,
    slabSize: cache.size,
    align: cache.align,
    order: cache.order,
    slabBytes: 2 ** (view.table.constants.PAGE_SHIFT + cache.order),
    objsPerSlab: cache.objects,
    objects: info.active_objs,
    objectsTotal: info.num_objs,
    slabs: info.num_slabs,
    cpuSlabs: countCpuSlabs(view, cache),
    ...countPartial(view, cache),
    hwcacheAlign: has(SLAB_HWCACHE_ALIGN),
    destroyByRcu: has(SLAB_TYPESAFE_BY_RCU),
    sanityChecks: has(SLAB_CONSISTENCY_CHECKS),
    redZone: has(SLAB_RED_ZONE),
    poison: has(OBJECT_POISON),
    storeUser: has(SLAB_STORE_USER),
    trace: has(SLAB_TRACE),
    stats: sumStats(stats),
  };
}

function countPartial(
  view: HeapView,
  cache: CacheView,
): Pick<SlabCache, "partial" | "objectsPartial"> {
  let partial = 0;
  let objectsPartial = 0;
  for (let index = 0; index < view.nodeCount; index++) {
    for (const page of walkPages(view, view.node(cache.index, index).partial, "next").items) {
      partial++;
      objectsPartial += view.page(view.pfnOf(page)).inuse;
    }
  }
  return { partial, objectsPartial };
}

function countCpuSlabs(view: HeapView, cache: CacheView): number {
  let slabs = 0;
  for (let cpu = 0; cpu < view.cpuCount; cpu++) {
    const { slab, partial } = view.cpuCache(cpu, cache.index);
    slabs += (slab === 0 ? 0 : 1) + walkPages(view, partial, "next").items.length;
  }
  return slabs;
}

function sumStats(stats: CacheStats): SlabCache["stats"] {
  const sums = STAT_ITEMS.map((item) => [item, sum(stats[item] ?? [])]);
  return Object.fromEntries(sums) as SlabCache["stats"];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Bytes of all slabs, those of a smaller order counted as of the preferred one (as the tool). */
export function sizeOf({ slabs, slabBytes }: SlabCache): number {
  return slabs * slabBytes;
}

/** Of these, in allocated objects. */
export function usedOf({ objects, objectSize }: SlabCache): number {
  return objects * objectSize;
}

/** The others: metadata, padding, free objects. */
export function lossOf(cache: SlabCache): number {
  return sizeOf(cache) - usedOf(cache);
}

/** Allocations, nolock ones included: the kernel counts them together. */
export function allocsOf(cache: SlabCache): number {
  // The slow path that nolock calls share counts them, too.
  return fastAllocsOf(cache) + cache.stats.ALLOC_SLOWPATH;
}

/** Of these, from the cpu freelist. */
export function fastAllocsOf({ stats }: SlabCache): number {
  return stats.ALLOC_FASTPATH + stats.NOLOCK_ALLOC_FASTPATH;
}

/** Frees; deferred ones at the time when they are drained. */
export function freesOf(cache: SlabCache): number {
  const { FREE_SLOWPATH, DEFER_DIRECT_FREE } = cache.stats;
  return fastFreesOf(cache) + FREE_SLOWPATH + DEFER_DIRECT_FREE;
}

/** Of these, to the cpu slab. */
export function fastFreesOf({ stats }: SlabCache): number {
  return stats.FREE_FASTPATH + stats.NOLOCK_FREE_FASTPATH;
}

/** `part` of `whole` in percent, rounded down; 0 of nothing. */
export function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.floor((part * 100) / whole);
}
