/**
 * Q1-census, O2-counters, O5-freelist, O6-disjoint: where each free object is.
 *
 * Whatever no list holds is a user's. Lists are walked at most as far as a slab has objects, and
 * every object is marked where it is met, so that one met twice shows.
 */
import { hex } from "../errors.js";
import { objectIndex } from "../walk.js";
import { describeSlab, type Inspection, type Place, type SlabRecord } from "./inspection.js";

/** Walk the freelists of all slabs, of all CPUs, and those that deferred slabs carry. */
export function checkObjects(inspection: Inspection): void {
  const { view } = inspection;
  for (const slab of inspection.slabs.values()) {
    slab.freeCount = markFreelist(inspection, slab, slab.page.freelist, "slab freelist");
    for (const home of slab.homes) {
      if (home.kind === "cpu slab") {
        const { freelist } = view.cpuCache(home.of, slab.cache.index);
        markFreelist(inspection, slab, freelist, "cpu freelist");
      } else if (home.kind === "deferred slabs") {
        markFreelist(inspection, slab, slab.page.flush_freelist, "detached freelist");
      }
    }
  }
}

/** Compare the counters of each slab with what the walks met. */
export function checkCounters(inspection: Inspection): void {
  for (const slab of inspection.slabs.values()) {
    const { inuse, objects, address } = slab.page;
    const report = (message: string) =>
      inspection.report("O2-counters", describeSlab(slab), address, message);
    if (inuse + slab.freeCount !== objects) {
      report(`inuse ${inuse} + freelist of ${slab.freeCount} should be objects ${objects}`);
    }
    const elsewhere = slab.marked - slab.freeCount;
    if (elsewhere > inuse) {
      report(`inuse ${inuse} is less than the ${elsewhere} objects that wait elsewhere`);
    }
  }
}

/**
 * Walk one list and mark what it holds; it ends at the first entry that cannot be there.
 *
 * @returns how many objects it holds
 */
function markFreelist(
  inspection: Inspection,
  slab: SlabRecord,
  first: number,
  place: Place,
): number {
  const { view } = inspection;
  const { cache, page } = slab;
  let count = 0;
  for (let object = first; object !== 0; object = view.freePointer(cache, object)) {
    const isForeign = place === "cpu freelist" && count === 0;
    if (isForeign && objectIndex(cache, page, object) < 0) {
      const message = `freelist ${hex(object)} is no object of the cpu slab`;
      inspection.report("O20-cpu-slab", describeSlab(slab), object, message);
      break;
    }
    // Met before, on this list (a circle) or another: the rest was met too.
    if (!inspection.mark(slab, object, place)) break;
    count++;
  }
  return count;
}
