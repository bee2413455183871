/**
 * O13-nr-partial, O20-cpu-slab: finds each slab where something leads to it.
 *
 * Four things do: a node's partial list, a CPU's partial list, a CPU's `slab`, and a CPU's
 * deferred slabs. Each meeting is noted as a home of the slab; check-slabs.ts then judges.
 */
import { hex } from "../errors.js";
import { SLAB_DEBUG_FLAGS } from "../flags.js";
import type { CacheView } from "../view.js";
import { type Walk, walkLlist, walkPages } from "../walk.js";
import { describeSlab, type Home, type Inspection } from "./inspection.js";

/** Note the homes of all slabs. */
export function findHomes(inspection: Inspection, caches: Map<number, CacheView>): void {
  const { view } = inspection;
  for (const cache of caches.values()) {
    for (let node = 0; node < view.nodeCount; node++) {
      walkNode(inspection, cache, node);
      walkFull(inspection, cache, node);
    }
    for (let cpu = 0; cpu < view.cpuCount; cpu++) walkCpuCache(inspection, cache, cpu);
  }
  for (let cpu = 0; cpu < view.cpuCount; cpu++) {
    const list = walkLlist(view, view.cpu(cpu).defer_slabs);
    const home: Home = { kind: "deferred slabs", of: cpu };
    settle(inspection, list, home, "A23-deferred", `deferred slabs of cpu ${cpu}`, null);
  }
}

function walkNode(inspection: Inspection, cache: CacheView, of: number): void {
  const { view } = inspection;
  const node = view.node(cache.index, of);
  const where = `node ${of} of ${cache.name}`;
  const report = (address: number, message: string) =>
    inspection.report("O13-nr-partial", where, address, message);
  const list = walkPages(view, node.partial, "next");
  settle(inspection, list, { kind: "node list", of }, "O13-nr-partial", where, cache);
  if (list.fault !== null) return;
  if (node.nr_partial !== list.items.length) {
    report(node.address, `nr_partial is ${node.nr_partial}, the list holds ${list.items.length}`);
  }
  const last = list.items.at(-1) ?? 0;
  if (node.partial_tail !== last) {
    report(node.address, `partial_tail should be ${hex(last)}, is ${hex(node.partial_tail)}`);
  }
  checkPrev(inspection, list.items, where);
}

/** The full slabs of a cache with slab_debug; others do not list theirs. */
function walkFull(inspection: Inspection, cache: CacheView, of: number): void {
  const { view } = inspection;
  const { full } = view.node(cache.index, of);
  const where = `full slabs of node ${of} of ${cache.name}`;
  const list = walkPages(view, full, "next");
  settle(inspection, list, { kind: "full list", of }, "O13-nr-partial", where, cache);
  if (list.fault === null) checkPrev(inspection, list.items, where);
}

/** The links backwards agree with those forwards. */
function checkPrev(inspection: Inspection, items: readonly number[], where: string): void {
  const { view } = inspection;
  let previous = 0;
  for (const item of items) {
    const { prev } = view.page(view.pfnOf(item));
    if (prev !== previous) {
      const message = `prev of ${hex(item)} should be ${hex(previous)}, is ${hex(prev)}`;
      inspection.report("O13-nr-partial", where, item, message);
    }
    previous = item;
  }
}

function walkCpuCache(inspection: Inspection, cache: CacheView, of: number): void {
  const { view } = inspection;
  const c = view.cpuCache(of, cache.index);
  const where = `cpu ${of} of ${cache.name}`;
  if ((cache.flags & SLAB_DEBUG_FLAGS) !== 0 && (c.slab !== 0 || c.partial !== 0)) {
    const message = "a CPU has slabs of a cache with slab_debug";
    inspection.report("O20-cpu-slab", where, c.address, message);
  }
  const list = walkPages(view, c.partial, "next");
  settle(inspection, list, { kind: "percpu partial list", of }, "O13-nr-partial", where, cache);
  const first = list.items[0];
  const length = first === undefined ? 0 : view.page(view.pfnOf(first)).slabs;
  if (list.fault === null && length !== list.items.length) {
    const message = `slabs of the first should be ${list.items.length}, is ${length}`;
    inspection.report("O13-nr-partial", where, first ?? c.address, message);
  }
  if (c.slab === 0) {
    if (c.freelist === 0) return;
    const message = `there is no cpu slab, but freelist is ${hex(c.freelist)}`;
    inspection.report("O20-cpu-slab", where, c.address, message);
    return;
  }
  const single: Walk = { items: [c.slab], fault: null, at: 0 };
  settle(inspection, single, { kind: "cpu slab", of }, "O20-cpu-slab", where, cache);
}

/** Note a home for each slab of a list; a list may only hold slabs of `cache` (null: of any). */
function settle(
  inspection: Inspection,
  list: Walk,
  home: Home,
  invariant: "O13-nr-partial" | "O20-cpu-slab" | "A23-deferred",
  where: string,
  cache: CacheView | null,
): void {
  if (list.fault !== null) {
    const message = `the ${home.kind}, at ${hex(list.at)}: ${list.fault}`;
    inspection.report(invariant, where, list.at, message);
  }
  for (const item of list.items) {
    const slab = inspection.slabs.get(item);
    if (slab === undefined) {
      inspection.report(invariant, where, item, `the ${home.kind} holds ${hex(item)}, no slab`);
    } else if (cache !== null && slab.cache.address !== cache.address) {
      const message = `the ${home.kind} holds ${describeSlab(slab)}, a slab of another cache`;
      inspection.report(invariant, where, item, message);
    } else {
      slab.homes.push(home);
    }
  }
}
