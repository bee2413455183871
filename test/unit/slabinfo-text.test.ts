/**
 * Goal: who knows slabinfo reads ours, and scripts that parse it go on working: every column is
 * where the kernel's tool (tools/mm/slabinfo.c) has it. Method: caches written by hand, whole
 * pages compared byte for byte.
 */
import { STAT_ITEMS, type StatItem } from "slablab/internal/heap/stat-items.js";
import type { SlabCache } from "slablab/internal/report/slabinfo/slabinfo-caches.js";
import { storeSize } from "slablab/internal/report/slabinfo/slabinfo-format.js";
import {
  type SlabinfoLayout,
  slabinfoText,
} from "slablab/internal/report/slabinfo/slabinfo-text.js";
import { expect, test } from "vitest";

const NONE = Object.fromEntries(STAT_ITEMS.map((item) => [item, 0])) as Record<StatItem, number>;

function makeCache(parts: Partial<SlabCache>): SlabCache {
  return {
    ...{ name: "kmalloc-64", aliases: 0, objectSize: 64, slabSize: 64, align: 64, order: 0 },
    ...{ slabBytes: 4096, objsPerSlab: 64, objects: 0, objectsPartial: 0, objectsTotal: 0 },
    ...{ slabs: 0, partial: 0, cpuSlabs: 0, hwcacheAlign: false, destroyByRcu: false },
    ...{ sanityChecks: false, redZone: false, poison: false, storeUser: false, trace: false },
    ...{ stats: NONE },
    ...parts,
  };
}

const BUSY = makeCache({
  ...{ objects: 600, objectsPartial: 88, objectsTotal: 640, slabs: 10, partial: 2, cpuSlabs: 3 },
  stats: {
    ...NONE,
    ...{ ALLOC_FASTPATH: 90, NOLOCK_ALLOC_FASTPATH: 5, ALLOC_SLOWPATH: 905 },
    ...{ FREE_FASTPATH: 300, FREE_SLOWPATH: 90, DEFER_DIRECT_FREE: 10, NOLOCK_ALLOC_SLOWPATH: 7 },
    ...{ ALLOC_SLAB: 12, FREE_SLAB: 2, ORDER_FALLBACK: 4, CPUSLAB_FLUSH: 3, FREE_FROZEN: 40 },
    ...{ DEACTIVATE_FULL: 3, DEACTIVATE_TO_HEAD: 1, ALLOC_REFILL: 6, FREE_ADD_PARTIAL: 8 },
    ...{ CMPXCHG_DOUBLE_FAIL: 11, CMPXCHG_DOUBLE_CPU_FAIL: 2, ALLOC_FROM_PARTIAL: 20 },
  },
});
const DEBUG = makeCache({
  ...{ name: "inode", objectSize: 592, slabSize: 632, align: 8, order: 1, slabBytes: 8192 },
  ...{ objsPerSlab: 12, objects: 1800, objectsTotal: 1800, slabs: 150, cpuSlabs: 1 },
  ...{ hwcacheAlign: true, destroyByRcu: true, sanityChecks: true, redZone: true, poison: true },
  ...{ storeUser: true, trace: true },
});
const EMPTY = makeCache({ name: "kmalloc-8k", objectSize: 8192, order: 3, objsPerSlab: 4 });
const CACHES = [BUSY, EMPTY, DEBUG];

function show(layout: Partial<SlabinfoLayout> = {}): string {
  return slabinfoText(CACHES, {
    ...{ page: "lines", sort: "name", activity: false, zero: false, asBytes: false, lines: null },
    ...layout,
  });
}

test("the plain table: in order of names, without empty caches", () => {
  expect(show()).toBe(
    [
      "Name                   Objects Objsize           Space Slabs/Part/Cpu  O/S O %Fr %Ef Flg",
      "inode                     1800     592            1.2M        149/0/1   12 1   0  86 APZFUT",
      "kmalloc-64                 600      64           40.9K          7/2/3   64 0  20  93 ",
      "",
    ].join("\n"),
  );
});

test("-z shows empty caches, whose shares read as 100", () => {
  expect(show({ zero: true })).toContain(
    "kmalloc-8k                   0    8192               0          0/0/0    4 3 100 100 \n",
  );
});

test("-L sorts by loss and shows it, -B in bytes, -N as many lines", () => {
  expect(show({ sort: "loss", asBytes: true, lines: 1 })).toBe(
    [
      "Name                   Objects Objsize            Loss Slabs/Part/Cpu  O/S O %Fr %Ef Flg",
      "inode                     1800     592          163200        149/0/1   12 1   0  86 APZFUT",
      "",
    ].join("\n"),
  );
});

test("-D counts allocations and frees, nolock ones with the others, and -A sorts by them", () => {
  expect(show({ activity: true, sort: "activity" })).toBe(
    [
      "Name                   Objects      Alloc       Free   %Fast Fallb O CmpX   UL",
      "kmalloc-64                 600       1000        400   9  75     4 0   11    2",
      "inode                     1800          0          0   0   0     0 1    0    0",
      "",
    ].join("\n"),
  );
});

test("-S puts the largest first, whatever its name", () => {
  const names = show({ sort: "size", zero: true })
    .split("\n")
    .map((line) => line.split(" ")[0]);
  expect(names).toEqual(["Name", "inode", "kmalloc-64", "kmalloc-8k", ""]);
});

test("-r: sizes, debugging, and where allocations and frees went", () => {
  const [first, second] = show({ page: "report" }).split(/\n\n(?=Slabcache)/);
  expect(first).toBe(
    [
      "Slabcache: inode           Aliases:  0 Order :  1 Objects: 1800",
      "** Hardware cacheline aligned",
      "** Slabs are destroyed via RCU",
      "",
      "Sizes (bytes)     Slabs              Debug                Memory",
      "------------------------------------------------------------------------",
      "Object :     592  Total  :     150   Sanity Checks : On   Total: 1228800",
      "SlabObj:     632  Full   :     149   Redzoning     : On   Used : 1065600",
      "SlabSiz:    8192  Partial:       0   Poisoning     : On   Loss :  163200",
      "Loss   :     608  CpuSlab:       1   Tracking      : On   Lalig:   72000",
      "Align  :       8  Objects:      12   Tracing       : On   Lpadd:   91200",
    ].join("\n"),
  );
  expect(second).toBe(
    [
      "Slabcache: kmalloc-64      Aliases:  0 Order :  0 Objects: 600",
      "",
      "Sizes (bytes)     Slabs              Debug                Memory",
      "------------------------------------------------------------------------",
      "Object :      64  Total  :      10   Sanity Checks : Off  Total:   40960",
      "SlabObj:      64  Full   :       5   Redzoning     : Off  Used :   38400",
      "SlabSiz:    4096  Partial:       2   Poisoning     : Off  Loss :    2560",
      "Loss   :       0  CpuSlab:       3   Tracking      : Off  Lalig:       0",
      "Align  :      64  Objects:      64   Tracing       : Off  Lpadd:       0",
      "",
      "Slab Perf Counter       Alloc     Free %Al %Fr",
      "--------------------------------------------------",
      "Fastpath                   95      300   9  75",
      "Slowpath                  905      100  90  25",
      "Page Alloc                 12        2   1   0",
      "Add partial                 1        8   0   2",
      "Remove partial             20        0   2   0",
      "Cpu partial list            0        0   0   0",
      "RemoteObj/SlabFrozen        0       40   0  10",
      "Total                    1000      400",
      "Flushes        3",
      "",
      "Slab Deactivation             Occurrences %",
      "-------------------------------------------------",
      "Slab full                           3   75%",
      "Moved to head of partial list       1   25%",
      "Refilled from foreign frees         6  150%",
      "",
      "Cmpxchg_double Looping",
      "------------------------",
      "Locked Cmpxchg Double redos   11",
      "Unlocked Cmpxchg Double redos 2",
      "",
    ].join("\n"),
  );
});

const TOTALS = [
  "Slabcache Totals",
  "----------------",
  "Slabcaches :               3   Aliases  :           0->0   Active:      2",
  "Memory used:         1269760   # Loss   :          165760   MRatio:    15%",
  "# Objects  :            2400   # PartObj:              88   ORatio:     3%",
  "",
  "Per Cache         Average              Min              Max            Total",
  "----------------------------------------------------------------------------",
  "#Objects             1200              600             1800             2400",
  "#Slabs                 80               10              150              160",
  "#PartSlab               1                0                2                2",
  "%PartSlab             10%               0%              20%               1%",
  "PartObjs               44                0               88               88",
  "% PartObj              7%               0%              14%               3%",
  "Memory             634880            40960          1228800          1269760",
  "Used               552000            38400          1065600          1104000",
  "Loss                82880             2560           163200           165760",
  "",
  "Per Object        Average              Min              Max",
  "-----------------------------------------------------------",
  "Memory                490               64              632",
  "User                  460               64              592",
  "Loss                   30                0               40",
];

test("-T: sums, and averages over caches and over objects", () => {
  expect(show({ page: "totals", asBytes: true })).toBe(`${TOTALS.join("\n")}\n`);
  expect(show({ page: "totals" })).toContain(
    "Memory used:            1.2M   # Loss   :          165.7K   MRatio:    15%\n",
  );
});

test("-X: the totals in bytes, then the largest by size, loss and partial slabs", () => {
  const head = (column: string) =>
    `Name                   Objects Objsize ${column} Slabs/Part/Cpu  O/S O %Fr %Ef Flg`;
  const inode = "149/0/1   12 1   0  86 APZFUT";
  expect(show({ page: "xtotals" })).toBe(
    [
      ...TOTALS,
      "",
      "Slabs sorted by size",
      "--------------------",
      head("          Space"),
      `inode                     1800     592         1228800        ${inode}`,
      "",
      "Slabs sorted by loss",
      "--------------------",
      head("           Loss"),
      `inode                     1800     592          163200        ${inode}`,
      "",
      "Slabs sorted by number of partial slabs",
      "---------------------------------------",
      head("          Space"),
      "kmalloc-64                 600      64           40960          7/2/3   64 0  20  93 ",
      "",
    ].join("\n"),
  );
});

test("an empty heap has totals and reports, too", () => {
  for (const page of ["totals", "report", "aliases", "xtotals"] as const) {
    const layout = { page, sort: "name", activity: false, zero: false, asBytes: false } as const;
    expect(slabinfoText([EMPTY], { ...layout, lines: null })).toMatch(/^No /);
  }
});

test("sizes above 1000 are cut to one digit, as the tool cuts them", () => {
  const sizes = [0, 1000, 1001, 1999, 999_999, 1_000_001, 2_560_000_000];
  const shown = ["0", "1000", "1.0K", "1.9K", "999.9K", "1.0M", "2.5G"];
  expect(sizes.map((size) => storeSize(size, false))).toEqual(shown);
  expect(storeSize(2_560_000_000, true)).toBe("2560000000");
});
