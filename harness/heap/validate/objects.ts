/**
 * Q1-census, O2-counters, O5-freelist, O6-disjoint: where each free object is.
 *
 * Whatever no list holds is a user's. Lists are walked at most as far as a slab has objects, and
 * every object is marked where it is met, so that one met twice shows.
 */
import { hex } from "../errors.js";
import { walkFreelist } from "../walk.js";
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
    const elsewhere = slab.marks.filter((mark) => mark !== 0).length - slab.freeCount;
    if (elsewhere > inuse) {
      report(`inuse ${inuse} is less than the ${elsewhere} objects that wait elsewhere`);
    }
  }
}

/** @returns how many objects of the list were met for the first time. */
function markFreelist(
  inspection: Inspection,
  slab: SlabRecord,
  first: number,
  place: Place,
): number {
  const list = walkFreelist(inspection.view, slab.cache, slab.page, first);
  if (list.fault !== null) {
    const isFirst = list.items.length === 0 && place === "cpu freelist";
    const message = `the ${place}, at ${hex(list.at)}: ${list.fault}`;
    const invariant = isFirst ? "O20-cpu-slab" : "O5-freelist";
    inspection.report(invariant, describeSlab(slab), list.at, message);
  }
  return list.items.filter((object) => inspection.mark(slab, object, place)).length;
}
