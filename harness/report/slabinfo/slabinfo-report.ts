/**
 * `slabinfo -r`: everything about one cache: sizes, slabs, debugging, memory, and where its
 * allocations and frees went. Rows of the second part that are all 0 are left out, as there.
 *
 * Nolock calls are counted with the others, as the kernel counts them.
 */
import {
  allocsOf,
  fastAllocsOf,
  fastFreesOf,
  freesOf,
  lossOf,
  percent,
  type SlabCache,
  sizeOf,
  usedOf,
} from "./slabinfo-caches.js";
import { left, right } from "./slabinfo-format.js";

/** The report of one cache, a line each. */
export function reportLines(cache: SlabCache): string[] {
  const { name, aliases, order, objects } = cache;
  const head = [`Slabcache: ${left(name, 15)}`, `Aliases: ${right(aliases, 2)}`];
  const counts = [`Order : ${right(order, 2)}`, `Objects: ${objects}`];
  return [
    [...head, ...counts].join(" "),
    ...(cache.hwcacheAlign ? ["** Hardware cacheline aligned"] : []),
    ...(cache.destroyByRcu ? ["** Slabs are destroyed via RCU"] : []),
    "",
    "Sizes (bytes)     Slabs              Debug                Memory",
    "-".repeat(72),
    ...sizeLines(cache),
    ...perfLines(cache),
    ...deactivationLines(cache),
    ...cmpxchgLines(cache),
  ];
}

function sizeLines(cache: SlabCache): string[] {
  const { objectSize, slabSize, slabBytes, objsPerSlab, slabs, partial, cpuSlabs } = cache;
  const perSlabLoss = slabBytes - objsPerSlab * slabSize;
  const rows = [
    ["Object", objectSize, "Total", slabs, "Sanity Checks", cache.sanityChecks],
    ["SlabObj", slabSize, "Full", slabs - partial - cpuSlabs, "Redzoning", cache.redZone],
    ["SlabSiz", slabBytes, "Partial", partial, "Poisoning", cache.poison],
    ["Loss", perSlabLoss, "CpuSlab", cpuSlabs, "Tracking", cache.storeUser],
    ["Align", cache.align, "Objects", objsPerSlab, "Tracing", cache.trace],
  ] as const;
  const memory = [
    ["Total", sizeOf(cache)],
    ["Used", usedOf(cache)],
    ["Loss", lossOf(cache)],
    ["Lalig", (slabSize - objectSize) * cache.objects],
    ["Lpadd", perSlabLoss * slabs],
  ] as const;
  return rows.map(([size, bytes, count, number, debug, isOn], row) => {
    const [label = "", amount = 0] = memory[row] ?? [];
    return [
      `${left(size, 7)}: ${right(bytes, 7)} `,
      `${left(count, 7)}: ${right(number, 7)}  `,
      `${left(debug, 14)}: ${isOn ? "On " : "Off"} `,
      `${left(label, 5)}: ${right(amount, 7)}`,
    ].join(" ");
  });
}

function perfLines(cache: SlabCache): string[] {
  const { stats } = cache;
  const [allocs, frees] = [allocsOf(cache), freesOf(cache)];
  if (allocs === 0) return [];
  const [fastAllocs, fastFrees] = [fastAllocsOf(cache), fastFreesOf(cache)];
  const moved = stats.DEACTIVATE_TO_HEAD + stats.DEACTIVATE_TO_TAIL;
  const rows = [
    ["Fastpath", fastAllocs, fastFrees, true],
    ["Slowpath", allocs - fastAllocs, frees - fastFrees, true],
    ["Page Alloc", stats.ALLOC_SLAB, stats.FREE_SLAB, true],
    ["Add partial", moved, stats.FREE_ADD_PARTIAL, true],
    ["Remove partial", stats.ALLOC_FROM_PARTIAL, stats.FREE_REMOVE_PARTIAL, true],
    ["Cpu partial list", stats.CPU_PARTIAL_ALLOC, stats.CPU_PARTIAL_FREE, true],
    ["RemoteObj/SlabFrozen", stats.DEACTIVATE_REMOTE_FREES, stats.FREE_FROZEN, true],
    ["Total", allocs, frees, false],
  ] as const;
  const flushes = stats.CPUSLAB_FLUSH;
  return [
    "",
    "Slab Perf Counter       Alloc     Free %Al %Fr",
    "-".repeat(50),
    ...rows.map(([label, alloc, free, hasShares]) => {
      const shares = [right(percent(alloc, allocs), 3), right(percent(free, frees), 3)];
      const cells = [left(label, 20), right(alloc, 8), right(free, 8)];
      return [...cells, ...(hasShares ? shares : [])].join(" ");
    }),
    ...(flushes === 0 ? [] : [`Flushes ${right(flushes, 8)}`]),
  ];
}

function deactivationLines({ stats }: SlabCache): string[] {
  const rows = [
    ["Slab full", stats.DEACTIVATE_FULL],
    ["Slab empty", stats.DEACTIVATE_EMPTY],
    ["Moved to head of partial list", stats.DEACTIVATE_TO_HEAD],
    ["Moved to tail of partial list", stats.DEACTIVATE_TO_TAIL],
    ["Deactivation bypass", stats.DEACTIVATE_BYPASS],
  ] as const;
  // Beside the sum: a slab with foreign frees is counted by where it went, too.
  const others = [
    ["Refilled from foreign frees", stats.ALLOC_REFILL],
    ["Node mismatch", stats.ALLOC_NODE_MISMATCH],
  ] as const;
  const total = rows.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return [];
  return [
    "",
    "Slab Deactivation             Occurrences %",
    "-".repeat(49),
    ...[...rows, ...others]
      .filter(([, count]) => count > 0)
      .map(
        ([label, count]) =>
          `${left(label, 30)}${right(count, 7)}  ${right(percent(count, total), 3)}%`,
      ),
  ];
}

function cmpxchgLines({ stats }: SlabCache): string[] {
  if (stats.CMPXCHG_DOUBLE_FAIL + stats.CMPXCHG_DOUBLE_CPU_FAIL === 0) return [];
  return [
    "",
    "Cmpxchg_double Looping",
    "-".repeat(24),
    `Locked Cmpxchg Double redos   ${stats.CMPXCHG_DOUBLE_FAIL}`,
    `Unlocked Cmpxchg Double redos ${stats.CMPXCHG_DOUBLE_CPU_FAIL}`,
  ];
}
