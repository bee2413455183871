/**
 * Whether the header of a heap is what boot wrote: every constant follows from a few of them, and
 * those have bounds. And whether the guard above the reserve is untouched.
 *
 * All of it holds at any time, whatever other CPUs do: `attachHeap()` asks it of a busy heap, and
 * `validate()` of one at rest.
 */
import { wayOf } from "./arms.js";
import {
  BOOT_READY,
  BUILD_DEBUG,
  BUILD_STATS,
  HEAP_FAILSLAB,
  HEAP_HARDENED,
  HEAP_NO_CMPXCHG,
  HEAP_RANDOMIZE,
  HEAP_RT,
  HEAP_SHEAF_CAPACITY_SHIFT,
  HEAP_SHEAF_BYTES,
  HEAP_SHEAF_REFILL_WAITS,
  HEAP_SHEAF_KERNEL32,
  HEAP_SHEAVES,
  MAX_CPUS,
  MAX_NODES,
  PAGE_DESC_SHIFT,
  SLAB_FAILSLAB,
  SLAB_KEEP_ORDER,
} from "./constants.js";
import { hex } from "./errors.js";
import { headerAddress, MAGIC } from "./find.js";
import { SLAB_DEBUG_FLAGS } from "./flags.js";
import { sheafBitsFault } from "./sheaf-option.js";
import type { HeapView } from "./view.js";

const CACHES_MAX = 65536;
const PAGES_MAX = 2 ** 20;
const HEAP_OPTIONS =
  HEAP_RT |
  HEAP_NO_CMPXCHG |
  HEAP_RANDOMIZE |
  HEAP_HARDENED |
  HEAP_FAILSLAB |
  HEAP_SHEAVES |
  HEAP_SHEAF_KERNEL32 |
  HEAP_SHEAF_BYTES |
  HEAP_SHEAF_REFILL_WAITS |
  (-1 << HEAP_SHEAF_CAPACITY_SHIFT);
/** Largest size with a kmalloc cache of its own; the size table has an entry per 8 bytes. */
const KMALLOC_MAX = 8192;
const SIZE_STEP = 8;

/** What is wrong with the constants of the header, a sentence each. Context: any time. */
export function headerFaults(view: HeapView): string[] {
  const faults = boundFaults(view);
  // What follows from numbers that are out of bounds means nothing.
  return faults.length > 0 ? faults : [...placeFaults(view), ...sizeTableFaults(view)];
}

/** The constants that others follow from. */
function boundFaults(view: HeapView): string[] {
  const header = view.header();
  const { base, table } = view;
  const { ABI_VERSION, MAX_SLAB_DEBUG_RECORDS, NR_KMALLOC_CACHES } = table.constants;
  const faults: string[] = [];
  const expect = (holds: boolean, what: string, should: string, is: string) => {
    if (!holds) faults.push(`${what} should be ${should}, is ${is}`);
  };
  const equal = (name: "self" | "abi_version" | "boot", should: number) =>
    expect(header[name] === should, name, hex(should), hex(header[name]));
  const between = (
    name: "nr_cpu_ids" | "nr_nodes" | "max_caches" | "maximum_pages" | "nr_debug_records",
    low: number,
    high: number,
  ) => {
    const value = header[name];
    expect(value >= low && value <= high, name, `${low}..${high}`, `${value}`);
  };

  const magic = [view.u32(base), view.u32(base + 4)];
  const isMagic = magic[0] === MAGIC[0] && magic[1] === MAGIC[1];
  expect(isMagic, "magic", MAGIC.map(hex).join(" "), magic.map(hex).join(" "));
  equal("self", base);
  equal("abi_version", ABI_VERSION);
  equal("boot", BOOT_READY);
  between("nr_cpu_ids", 1, MAX_CPUS);
  between("nr_nodes", 1, MAX_NODES);
  between("max_caches", NR_KMALLOC_CACHES, CACHES_MAX);
  between("maximum_pages", 1, PAGES_MAX);
  between("nr_debug_records", 0, MAX_SLAB_DEBUG_RECORDS);
  const way = `${header.defer_place} and ${header.defer_trigger}`;
  expect(wayOf(header) !== null, "defer_place and defer_trigger", "two that go together", way);
  for (const [name, known] of [
    ["options", HEAP_OPTIONS],
    ["build", BUILD_STATS | BUILD_DEBUG],
    ["large_debug_flags", SLAB_DEBUG_FLAGS | SLAB_FAILSLAB | SLAB_KEEP_ORDER],
  ] as const) {
    const bits = header[name];
    expect((bits & ~known) === 0, name, `bits of ${hex(known >>> 0)}`, hex(bits));
  }
  const capacity = sheafBitsFault(header.options);
  expect(capacity === null, "options", "those of a heap with or without sheaves", `${capacity}`);
  return faults;
}

/** The constants that follow: where each table lies. */
function placeFaults(view: HeapView): string[] {
  const header = view.header();
  const { base, table } = view;
  const { constants } = table;
  const { max_caches, nr_nodes, nr_cpu_ids, maximum_pages, reserve_bytes } = header;
  const page = 2 ** constants.PAGE_SHIFT;
  const roundUp = (bytes: number) => Math.ceil(bytes / page) * page;

  const nodes = base + constants.CACHE_TABLE + max_caches * constants.KMEM_CACHE_SIZE;
  const areas = roundUp(nodes + max_caches * nr_nodes * constants.KMEM_CACHE_NODE_SIZE);
  const areaBytes = roundUp(constants.CPU_CACHES + max_caches * constants.KMEM_CACHE_CPU_SIZE);
  const map = areas + nr_cpu_ids * areaBytes;
  const mapEnd = map + maximum_pages * 2 ** PAGE_DESC_SHIFT;
  const hasSheaves = (header.options & HEAP_SHEAVES) !== 0;
  const barns = max_caches * nr_nodes * constants.NODE_BARN_SIZE;
  const firstPfn = roundUp(hasSheaves ? mapEnd + barns + maximum_pages : mapEnd) / page;
  const places = {
    node_table: nodes,
    cpu_areas: areas,
    cpu_area_size: areaBytes,
    mem_map: map,
    node_barns: hasSheaves ? mapEnd : 0,
    page_class: hasSheaves ? mapEnd + barns : 0,
    no_sheaf: 0,
    first_pfn: firstPfn,
  } as const;
  const faults = (Object.keys(places) as (keyof typeof places)[])
    .filter((name) => header[name] !== places[name])
    .map((name) => `${name} should be ${hex(places[name])}, is ${hex(header[name])}`);
  const start = headerAddress(table, reserve_bytes);
  if (start !== base) {
    faults.push(`reserve_bytes should be what ends at ${hex(base)}, is ${reserve_bytes}`);
  }
  return faults;
}

/** The table from sizes to kmalloc caches, by the sizes that its caches have by their indices. */
function sizeTableFaults(view: HeapView): string[] {
  const { NR_KMALLOC_CACHES, SIZE_INDEX } = view.table.constants;
  const sizes = Array.from({ length: NR_KMALLOC_CACHES }, (_, index) => bucketSize(index));
  const rising = [...sizes.keys()].slice(1).sort((a, b) => bucketSize(a) - bucketSize(b));
  let least = 0;
  for (let size = 0; size <= KMALLOC_MAX; size += SIZE_STEP) {
    while (least < rising.length && bucketSize(rising[least] ?? 0) < size) least++;
    const at = view.base + SIZE_INDEX + size / SIZE_STEP;
    const found = view.u8(at);
    const should = size === 0 ? 0 : (rising[least] ?? 0);
    if (found !== should) return [`size_index of ${size} bytes should be ${should}, is ${found}`];
  }
  return [];
}

/** Bytes of an object of kmalloc cache `index`: assembly/kmalloc/size_class.ts. */
function bucketSize(index: number): number {
  if (index === 1) return 96;
  return index === 2 ? 192 : 2 ** index;
}

/** Address of the first byte of the guard that was written over; null: it is whole. */
export function brokenGuard(view: HeapView): number | null {
  const { RESERVE_GUARD, PAGE_SHIFT } = view.table.constants;
  const start = view.header().reserve_bytes;
  if (start === 0) return null;
  const whole = (RESERVE_GUARD * 0x01010101) >>> 0;
  for (let at = start; at < start + 2 ** PAGE_SHIFT; at++) {
    const word = view.u32(at);
    if (at % 4 === 0 && word === whole) at += 3;
    else if (((word >>> ((at % 4) * 8)) & 0xff) !== RESERVE_GUARD) return at;
  }
  return null;
}

/** Words of the header's page that belong to no field and are not 0, as boot left them. */
export function strayWords(view: HeapView): number[] {
  const { fields, constants, offsets } = view.table;
  const { ZONES, SLAB_DEBUG_RECORDS, SLAB_DEBUG_RECORD_BYTES } = constants;
  const known = new Set<number>();
  const know = (from: number, bytes: number) => {
    for (let at = from; at < from + bytes; at += 4) known.add(at);
  };
  for (const { struct, offset, sizeBytes } of fields) {
    if (struct === "heap_header") know(offset, sizeBytes);
    // The heap's own queue of grace periods is part of its header.
    if (struct === "rcu_queue") know(offsets.heap_header.rcu_lock + offset, sizeBytes);
  }
  know(SLAB_DEBUG_RECORDS, view.header().nr_debug_records * SLAB_DEBUG_RECORD_BYTES);
  const stray: number[] = [];
  for (let at = 0; at < ZONES; at += 4) {
    if (!known.has(at) && view.u32(view.base + at) !== 0) stray.push(view.base + at);
  }
  return stray;
}
