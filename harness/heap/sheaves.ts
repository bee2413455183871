/**
 * The sheaves of a heap: what each CPU and each barn has, and which objects lie in them.
 *
 * An object in a sheaf counts as in use for its slab and is free for everybody else: whoever asks
 * which objects are live, takes these off. A sheaf itself is an object of a kmalloc cache that no
 * user has.
 */
import { HEAP_SHEAVES, MAX_SHEAF_CAPACITY } from "./constants.js";
import type { CacheView, HeapView } from "./view.js";
import { type Walk, walk } from "./walk.js";

/** Where a sheaf is. */
export type SheafPlace = CpuPlace | BarnPlace;
type CpuPlace = "main" | "spare" | "rcu_free" | "sheaf_in_hand";
/** The lists of a barn: the last of those that a CPU has out. */
export const BARN_PLACES = ["full", "empty", "prefilled"] as const;
export type BarnPlace = (typeof BARN_PLACES)[number];

/** A sheaf as it is found. */
export interface SheafView {
  readonly address: number;
  readonly cache: CacheView;
  readonly place: SheafPlace;
  /** The CPU that has it, or the node of the barn. */
  readonly of: number;
  /** Objects it has room for, as it says itself. */
  readonly capacity: number;
  /** Objects in it: of a main what `top` says; may be absurd in a damaged heap. */
  readonly size: number;
}

/** @returns whether the per-CPU layer of the heap are sheaves */
export function hasSheaves(view: HeapView): boolean {
  return (view.header().options & HEAP_SHEAVES) !== 0;
}

/** All sheaves of a cache that something leads to. */
export function sheavesOf(view: HeapView, cache: CacheView): SheafView[] {
  if (!hasSheaves(view)) return [];
  const found: SheafView[] = [];
  for (let cpu = 0; cpu < view.cpuCount; cpu++) found.push(...cpuSheaves(view, cache, cpu));
  for (let node = 0; node < view.nodeCount; node++) {
    for (const place of BARN_PLACES) {
      for (const address of walkBarn(view, cache, node, place).items) {
        const { size, capacity } = view.struct("sheaf", address);
        found.push({ address, cache, place, of: node, capacity, size });
      }
    }
  }
  return found;
}

function cpuSheaves(view: HeapView, cache: CacheView, cpu: number): SheafView[] {
  const c = view.cpuCache(cpu, cache.index);
  const found: SheafView[] = [];
  for (const place of ["main", "spare", "rcu_free", "sheaf_in_hand"] as const) {
    const address = c[place];
    if (address === 0) continue;
    const { size, capacity } = view.struct("sheaf", address);
    const below = address + view.table.constants.SHEAF_OBJECTS - 4;
    const inMain = (c.top - below) / 4;
    found.push({
      address,
      cache,
      place,
      of: cpu,
      capacity,
      size: place === "main" ? inMain : size,
    });
  }
  return found;
}

/** The barn of a cache on a node. */
export function barnOf(view: HeapView, cache: CacheView, node: number) {
  const index = cache.index * view.nodeCount + node;
  const address = view.header().node_barns + index * view.table.constants.NODE_BARN_SIZE;
  return { ...view.struct("node_barn", address), address };
}

/** One list of a barn. */
export function walkBarn(view: HeapView, cache: CacheView, node: number, place: BarnPlace): Walk {
  const { link } = view.table.offsets.sheaf;
  return walk(barnOf(view, cache, node)[place], view.byteLength / 16, {
    check: (sheaf) => (view.pfnAt(sheaf) < 0 ? "the link is no address of the heap" : null),
    next: (sheaf) => view.u32(sheaf + link),
  });
}

/** The objects in a sheaf; none if its size cannot be. */
export function sheafObjects(view: HeapView, { address, size }: SheafView): number[] {
  if (!Number.isInteger(size) || size < 0 || size > MAX_SHEAF_CAPACITY) return [];
  const first = address + view.table.constants.SHEAF_OBJECTS;
  return Array.from({ length: size }, (_, index) => view.u32(first + index * 4));
}

/** Every object of a cache that lies in a sheaf. */
export function objectsInSheaves(view: HeapView, cache: CacheView): Set<number> {
  return new Set(sheavesOf(view, cache).flatMap((sheaf) => sheafObjects(view, sheaf)));
}
