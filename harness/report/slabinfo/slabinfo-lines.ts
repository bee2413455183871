/**
 * The two tables of slabinfo, a line per cache, byte for byte as the kernel's tool prints them.
 *
 * Columns: `Space` is what all slabs take, `Slabs/Part/Cpu` slabs that no CPU keeps, on the nodes'
 * partial lists, kept by CPUs; `O/S` objects per slab, `O` the order; `%Fr` the share of slabs on
 * partial lists, `%Ef` of the space in objects. `CmpX` counts retries of the cmpxchg of a slab,
 * `UL` of that of a CPU.
 */
import {
  allocsOf,
  freesOf,
  lossOf,
  percent,
  type SlabCache,
  sizeOf,
  usedOf,
  fastAllocsOf,
  fastFreesOf,
} from "./slabinfo-caches.js";
import { left, right, storeSize } from "./slabinfo-format.js";

/** By what the lines are sorted: descending, but names in alphabetical order. */
export type SortKey = "name" | "size" | "loss" | "activity" | "partial";

export interface LineOptions {
  readonly sort: SortKey;
  /** The table of allocations and frees. */
  readonly activity: boolean;
  /** Sizes in bytes, without K, M and G. */
  readonly asBytes: boolean;
  /** Caches without a slab, too. */
  readonly zero: boolean;
  /** As many lines; null: all. */
  readonly lines: number | null;
}

/** Head and lines, without a final newline. */
export function cacheLines(caches: readonly SlabCache[], options: LineOptions): string[] {
  const shown = sortCaches(caches, options.sort).filter(({ slabs }) => slabs > 0 || options.zero);
  const line = options.activity ? activityLine : (cache: SlabCache) => spaceLine(cache, options);
  return [headOf(options), ...shown.slice(0, options.lines ?? shown.length).map(line)];
}

export function sortCaches(caches: readonly SlabCache[], key: SortKey): SlabCache[] {
  const value = SORT_VALUES[key];
  return [...caches].sort((a, b) => value(b) - value(a) || compareNames(a.name, b.name));
}

const SORT_VALUES: Readonly<Record<SortKey, (cache: SlabCache) => number>> = {
  name: () => 0,
  size: sizeOf,
  loss: lossOf,
  activity: (cache) => allocsOf(cache) + freesOf(cache),
  partial: ({ partial }) => partial,
};

/** By code units without regard to case, the same in every locale. */
function compareNames(a: string, b: string): number {
  const [one, two] = [a.toLowerCase(), b.toLowerCase()];
  if (one === two) return 0;
  return one < two ? -1 : 1;
}

function headOf({ activity, sort }: LineOptions): string {
  if (activity) {
    return "Name                   Objects      Alloc       Free   %Fast Fallb O CmpX   UL";
  }
  const space = right(sort === "loss" ? "Loss" : "Space", 15);
  return `Name                   Objects Objsize ${space} Slabs/Part/Cpu  O/S O %Fr %Ef Flg`;
}

function spaceLine(cache: SlabCache, { sort, asBytes }: LineOptions): string {
  const { slabs, partial, cpuSlabs } = cache;
  const bytes = sort === "loss" ? lossOf(cache) : sizeOf(cache);
  const cells = [
    left(cache.name, 21),
    right(cache.objects, 8),
    right(cache.objectSize, 7),
    right(storeSize(bytes, asBytes), 15),
    right(`${slabs - cpuSlabs}/${partial}/${cpuSlabs}`, 14),
    right(cache.objsPerSlab, 4),
    cache.order,
    right(slabs === 0 ? 100 : percent(partial, slabs), 3),
    right(slabs === 0 ? 100 : percent(usedOf(cache), sizeOf(cache)), 3),
    flagsOf(cache),
  ];
  return cells.join(" ");
}

/** The letters of the column `Flg`; `d` and `a` are of caches that do not exist here. */
function flagsOf(cache: SlabCache): string {
  const letters: readonly (readonly [string, boolean])[] = [
    ["*", cache.aliases > 0],
    ["A", cache.hwcacheAlign],
    ["P", cache.poison],
    ["Z", cache.redZone],
    ["F", cache.sanityChecks],
    ["U", cache.storeUser],
    ["T", cache.trace],
  ];
  return letters.map(([letter, isOn]) => (isOn ? letter : "")).join("");
}

function activityLine(cache: SlabCache): string {
  const { stats } = cache;
  const [allocs, frees] = [allocsOf(cache), freesOf(cache)];
  const cells = [
    left(cache.name, 21),
    right(cache.objects, 8),
    right(allocs, 10),
    right(frees, 10),
    right(percent(fastAllocsOf(cache), allocs), 3),
    right(percent(fastFreesOf(cache), frees), 3),
    right(stats.ORDER_FALLBACK, 5),
    cache.order,
    right(stats.CMPXCHG_DOUBLE_FAIL, 4),
    right(stats.CMPXCHG_DOUBLE_CPU_FAIL, 4),
  ];
  return cells.join(" ");
}
