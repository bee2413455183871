/**
 * The places of a busy heap that tests damage, found by following the heap's own structures.
 */
import type { Snapshot } from "./snapshot.js";

/** The cache most of them belong to. */
export const NAME = "kmalloc-64";

/** Damage of one kind: a name for the test, and what it overwrites. */
export type Plant = readonly [name: string, damage: (copy: Snapshot) => void];

export const at = {
  cache: (copy: Snapshot) => copy.cache(NAME),
  node: (copy: Snapshot) => copy.view.node(copy.cache(NAME).index, 0),
  cpuCache: (copy: Snapshot, cpu: number) => copy.view.cpuCache(cpu, copy.cache(NAME).index),
  nodeSlab: (copy: Snapshot) => copy.pageAt(at.node(copy).partial),
  cpuPartial: (copy: Snapshot) => copy.pageAt(at.cpuCache(copy, 1).partial),
  cpuSlab: (copy: Snapshot, cpu = 0) => copy.pageAt(at.cpuCache(copy, cpu).slab),
  fullSlab: (copy: Snapshot) =>
    copy.slab(NAME, (slab) => slab.freelist === 0 && !slab.frozen && slab.inuse === slab.objects),
  block: (copy: Snapshot, kind: number) => {
    const { first_pfn } = copy.view.header();
    for (let pfn = first_pfn; pfn < copy.view.endPfn; pfn++) {
      if (copy.view.kind(pfn) === kind) return copy.view.page(pfn);
    }
    throw new Error(`expected a block of kind ${kind}`);
  },
  freeArea: (copy: Snapshot, order: number) =>
    copy.view.zone(0).address + copy.view.table.offsets.zone.free_area + order * 4,
};

/** Set the frozen bit, or clear it. */
export const freeze = (counters: number, isFrozen: boolean) =>
  (counters & 0x7fffffff) + (isFrozen ? 2 ** 31 : 0);

/** First page of the largest free block. */
export function largest(copy: Snapshot): number {
  for (let order = 10; order > 0; order--) {
    const first = copy.view.u32(at.freeArea(copy, order));
    if (first !== 0) return first;
  }
  throw new Error("expected a free block");
}
