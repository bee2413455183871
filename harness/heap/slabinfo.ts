/**
 * slabinfo(): what /proc/slabinfo says, per cache.
 *
 * Active objects are all that are not free on a node's partial slabs: what a CPU keeps for itself
 * counts as active, as it does in the kernel, whose counting this follows (mm/slub.c
 * get_slabinfo(), count_partial()). Of a busy heap it is an estimate, as there. Differs: what lies
 * in sheaves is free, since there is far more of it.
 */
import type { CacheView, HeapView } from "./view.js";
import { objectsInSheaves } from "./sheaves.js";
import { walkPages } from "./walk.js";

/** One line of /proc/slabinfo, under its column names. */
export interface SlabInfo {
  /** The cache. */
  readonly name: string;
  /** Objects in use, or kept by a CPU. */
  readonly active_objs: number;
  /** Objects in all its slabs. */
  readonly num_objs: number;
  /** Bytes from one object to the next. */
  readonly objsize: number;
  /** Objects in one slab. */
  readonly objperslab: number;
  /** Pages of 4096 bytes in one slab. */
  readonly pagesperslab: number;
  /** The same as num_slabs, as in the kernel. */
  readonly active_slabs: number;
  /** Slabs in all. */
  readonly num_slabs: number;
}

/** One entry per cache, in the order of the cache table. */
export function readSlabinfo(view: HeapView): SlabInfo[] {
  view.refresh();
  return [...view.caches()].map((cache) => cacheInfo(view, cache));
}

function cacheInfo(view: HeapView, cache: CacheView): SlabInfo {
  let slabs = 0;
  let objects = 0;
  let free = 0;
  for (let index = 0; index < view.nodeCount; index++) {
    const node = view.node(cache.index, index);
    slabs += node.nr_slabs;
    objects += node.total_objects;
    for (const address of walkPages(view, node.partial, "next").items) {
      const { objects: all, inuse } = view.page(view.pfnOf(address));
      free += all - inuse;
    }
  }
  free += objectsInSheaves(view, cache).size;
  return {
    name: cache.name,
    // Slabs may come and go between two readings here.
    active_objs: Math.max(0, objects - free),
    num_objs: objects,
    objsize: cache.size,
    objperslab: cache.objects,
    pagesperslab: 2 ** cache.order,
    active_slabs: slabs,
    num_slabs: slabs,
  };
}
