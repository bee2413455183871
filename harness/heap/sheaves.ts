/**
 * The sheaves of a heap: what each CPU and each barn has, and which objects lie in them.
 *
 * An object in a sheaf counts as in use for its slab and is free for everybody else: whoever asks
 * which objects are live, takes these off; those that wait for a grace period become free only
 * then. A sheaf itself is an object of a kmalloc cache that no user has.
 */
import { HEAP_SHEAVES, MAX_SHEAF_CAPACITY } from "./constants.js";
import type { CacheView, HeapView, RcuQueueView } from "./view.js";
import { slabAt, type Walk, walk } from "./walk.js";

/** Where a sheaf is. */
export type SheafPlace = CpuPlace | RcuPlace | BarnPlace;
type CpuPlace = (typeof STACK_PLACES)[number] | "sheaf_in_hand";
/** What a CPU has to pop from and push to; those below main have objects, the spare ones none. */
export const STACK_PLACES = ["main", "below main", "spare"] as const;
/** Where one is whose objects wait for a grace period. */
type RcuPlace = "rcu_free" | "sheaves" | "sheaves_wait" | "rcu hand";
/** The lists of a barn: the last of those that a CPU has out. */
export const BARN_PLACES = ["full", "empty", "prefilled"] as const;
export type BarnPlace = (typeof BARN_PLACES)[number];

const RCU_PLACES: readonly SheafPlace[] = ["rcu_free", "sheaves", "sheaves_wait", "rcu hand"];

/** @returns whether the objects of a sheaf wait for a grace period, and are not free yet. */
export function waitsForReaders({ place }: SheafView): boolean {
  return RCU_PLACES.includes(place);
}

/** A sheaf as it is found. */
export interface SheafView {
  readonly address: number;
  readonly cache: CacheView;
  readonly place: SheafPlace;
  /** The CPU that has it, -1 for the heap's queue; or the node of the barn. */
  readonly of: number;
  /** Objects it has room for, as it says itself. */
  readonly capacity: number;
  /** Objects in it: of a main what `top` says; may be absurd in a damaged heap. */
  readonly size: number;
}

/** A sheaf on a queue, whose cache is known as long as it is sound. */
export type WaitingSheaf = Omit<SheafView, "cache"> & { readonly cache: CacheView | undefined };

/** @returns whether the per-CPU layer of the heap are sheaves */
export function hasSheaves(view: HeapView): boolean {
  return (view.header().options & HEAP_SHEAVES) !== 0;
}

/** All sheaves of a cache that something leads to. */
export function sheavesOf(view: HeapView, cache: CacheView): SheafView[] {
  if (!hasSheaves(view)) return [];
  const found: SheafView[] = [];
  for (let cpu = 0; cpu < view.cpuCount; cpu++) found.push(...cpuSheaves(view, cache, cpu));
  for (const sheaf of waitingSheaves(view)) {
    if (sheaf.cache?.address === cache.address) found.push({ ...sheaf, cache });
  }
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

/** One list of a queue of what waits for a grace period. */
export function walkQueue(
  view: HeapView,
  queue: RcuQueueView,
  place: "sheaves" | "sheaves_wait",
): Walk {
  return walkLinks(view, queue[place]);
}

/**
 * The sheaves that wait for a grace period, but for those that kfree_rcu() still fills. Whose one
 * is its first object says: undefined where that is no object.
 */
export function waitingSheaves(view: HeapView): WaitingSheaf[] {
  const found: WaitingSheaf[] = [];
  if (!hasSheaves(view)) return found;
  const add = (address: number, place: RcuPlace, of: number) => {
    const { size, capacity } = view.struct("sheaf", address);
    const first = view.u32(address + view.table.constants.SHEAF_OBJECTS);
    found.push({ address, cache: slabAt(view, first)?.cache, place, of, capacity, size });
  };
  for (const queue of view.rcuQueues()) {
    for (const place of ["sheaves", "sheaves_wait"] as const) {
      for (const address of walkQueue(view, queue, place).items) add(address, place, queue.of);
    }
  }
  for (let cpu = 0; cpu < view.cpuCount; cpu++) {
    const { sheaf_in_hand } = view.rcu(cpu);
    if (sheaf_in_hand !== 0) add(sheaf_in_hand, "rcu hand", cpu);
  }
  return found;
}

function cpuSheaves(view: HeapView, cache: CacheView, cpu: number): SheafView[] {
  const c = view.cpuCache(cpu, cache.index);
  const found: SheafView[] = [];
  const add = (place: SheafPlace, address: number) => {
    if (address === 0) return;
    const { size, capacity } = view.struct("sheaf", address);
    const below = address + view.table.constants.SHEAF_OBJECTS - 4;
    const inMain = (c.top - below) / 4;
    const shown = place === "main" ? inMain : size;
    found.push({ address, cache, place, of: cpu, capacity, size: shown });
  };
  for (const place of STACK_PLACES) {
    for (const address of walkStack(view, cache, cpu, place).items) add(place, address);
  }
  for (const place of ["rcu_free", "sheaf_in_hand"] as const) add(place, c[place]);
  return found;
}

/** One part of what a CPU has to pop from and push to. */
export function walkStack(
  view: HeapView,
  cache: CacheView,
  cpu: number,
  place: (typeof STACK_PLACES)[number],
): Walk {
  const { main, spare } = view.cpuCache(cpu, cache.index);
  if (place === "spare") return walkLinks(view, spare);
  if (place === "main") return { items: main === 0 ? [] : [main], fault: null, at: main };
  return walkLinks(view, main === 0 ? 0 : view.struct("sheaf", main).link);
}

/** The barn of a cache on a node. */
export function barnOf(view: HeapView, cache: CacheView, node: number) {
  const index = cache.index * view.nodeCount + node;
  const address = view.header().node_barns + index * view.table.constants.NODE_BARN_SIZE;
  return { ...view.struct("node_barn", address), address };
}

/** One list of a barn. */
export function walkBarn(view: HeapView, cache: CacheView, node: number, place: BarnPlace): Walk {
  return walkLinks(view, barnOf(view, cache, node)[place]);
}

function walkLinks(view: HeapView, first: number): Walk {
  const { link } = view.table.offsets.sheaf;
  return walk(first, view.byteLength / 16, {
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

/** Every free object of a cache that lies in a sheaf. */
export function objectsInSheaves(view: HeapView, cache: CacheView): Set<number> {
  const free = sheavesOf(view, cache).filter((sheaf) => !waitsForReaders(sheaf));
  return new Set(free.flatMap((sheaf) => sheafObjects(view, sheaf)));
}
