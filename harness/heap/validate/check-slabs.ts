/**
 * Q1-slabs, O9-partial, O10-in-hand, O11-full, O12-frozen, Q3-totals, Q14-empty: slab states.
 *
 * | where the slab is | SL_PARTIAL | frozen | in_hand | free objects |
 * |---|---|---|---|---|
 * | node's partial list | yes | no | 0 | some |
 * | percpu partial list | no | no | CPU + 1 | some |
 * | cpu slab | no | yes | 0 | any |
 * | deferred slabs | no | either | CPU + 1 | any |
 * | nowhere | no | no | 0 | none |
 * | full list (slab_debug) | no | no | 0 | none |
 * | nowhere, disabled (slab_debug) | no | yes | 0 | none |
 */
import { CACHE_FREE, SL_PARTIAL } from "../constants.js";
import { SLAB_DEBUG_FLAGS } from "../flags.js";
import type { CacheView } from "../view.js";
import { describeSlab, type Home, type Inspection, type SlabRecord } from "./inspection.js";
import type { InvariantId } from "./invariants.js";

/** Judge each slab by where it was found. */
export function checkSlabs(inspection: Inspection): void {
  for (const slab of inspection.slabs.values()) {
    const [home, ...more] = slab.homes;
    if (more.length > 0) {
      const homes = slab.homes.map((each) => `${each.kind} of ${each.of}`).join(" and on the ");
      report(inspection, "Q1-slabs", slab, `the slab is on the ${homes}`);
    } else if (home === undefined) {
      checkHomeless(inspection, slab);
    } else {
      checkHome(inspection, slab, home);
    }
  }
}

/** A slab that nothing leads to must be full: whoever frees to it finds it a list. */
function checkHomeless(inspection: Inspection, slab: SlabRecord): void {
  const { page } = slab;
  const isMarked = (page.flags & SL_PARTIAL) !== 0;
  if (isMarked) report(inspection, "O9-partial", slab, "SL_PARTIAL is set, but no list has it");
  const isDebug = (slab.cache.flags & SLAB_DEBUG_FLAGS) !== 0;
  if (page.frozen && !isDebug) {
    report(inspection, "O12-frozen", slab, "it is frozen, but no CPU has it");
  } else if (isDebug && !page.frozen) {
    report(inspection, "O11-full", slab, "it is on neither list of its node, and not disabled");
  } else if (page.freelist !== 0 || page.inuse < page.objects) {
    const message = `it is on no list with ${page.objects - page.inuse} free objects`;
    report(inspection, "O10-in-hand", slab, message);
  } else if (page.in_hand !== 0) {
    const message = `it is full and on no list, but in the hand of CPU ${page.in_hand - 1}`;
    report(inspection, "O10-in-hand", slab, message);
  }
}

function checkHome(inspection: Inspection, slab: SlabRecord, home: Home): void {
  const { page } = slab;
  const isMarked = (page.flags & SL_PARTIAL) !== 0;
  const onNode = home.kind === "node list";
  const onPartial = onNode || home.kind === "percpu partial list";
  if (isMarked !== onNode) {
    const message = `SL_PARTIAL is ${isMarked ? "set" : "clear"} on the ${home.kind}`;
    report(inspection, "O9-partial", slab, message);
  }
  if (onNode && page.node !== home.of) {
    report(inspection, "O9-partial", slab, `it is of node ${page.node}, on node ${home.of}`);
  }
  if (onPartial && page.freelist === 0) {
    report(inspection, "O11-full", slab, `it is full, on the ${home.kind} of ${home.of}`);
  }
  if (home.kind === "full list") checkFull(inspection, slab, home);
  if (onPartial && page.frozen) {
    report(inspection, "O12-frozen", slab, `it is frozen, on the ${home.kind} of ${home.of}`);
  }
  if (home.kind === "cpu slab" && !page.frozen) {
    report(inspection, "O12-frozen", slab, `it is the cpu slab of CPU ${home.of}, not frozen`);
  }
  const isHeld = home.kind === "percpu partial list" || home.kind === "deferred slabs";
  const expected = isHeld ? home.of + 1 : 0;
  if (page.in_hand !== expected) {
    const message = `in_hand should be ${expected} on the ${home.kind}, is ${page.in_hand}`;
    report(inspection, "O10-in-hand", slab, message);
  }
}

function checkFull(inspection: Inspection, slab: SlabRecord, home: Home): void {
  const { page, cache } = slab;
  if ((cache.flags & SLAB_DEBUG_FLAGS) === 0) {
    report(inspection, "O11-full", slab, "it is on a full list, but its cache has no slab_debug");
  }
  if (page.freelist !== 0 || page.inuse !== page.objects) {
    const message = `it is on the full list with ${page.objects - page.inuse} free objects`;
    report(inspection, "O11-full", slab, message);
  }
  if (page.node !== home.of) {
    report(inspection, "O11-full", slab, `it is of node ${page.node}, on node ${home.of}`);
  }
  if (page.frozen) report(inspection, "O12-frozen", slab, "it is frozen, on the full list");
}

interface Totals {
  slabs: number;
  objects: number;
  empty: number;
}

/** Compare what each node says it has with what the page walk found. */
export function checkTotals(inspection: Inspection, caches: Map<number, CacheView>): void {
  const { view } = inspection;
  const totals = new Map<number, Totals>();
  for (const slab of inspection.slabs.values()) {
    const key = slab.cache.index * view.nodeCount + slab.page.node;
    const sum = totals.get(key) ?? { slabs: 0, objects: 0, empty: 0 };
    sum.slabs++;
    sum.objects += slab.page.objects;
    const onNode = slab.homes.some((home) => home.kind === "node list");
    if (onNode && slab.page.inuse === 0) sum.empty++;
    totals.set(key, sum);
  }
  for (let index = 0; index < view.cacheCount; index++) {
    const cache = view.cache(index);
    // The slabs of a damaged cache were not looked into.
    if (cache.state !== CACHE_FREE && !caches.has(cache.address)) continue;
    for (let node = 0; node < view.nodeCount; node++) {
      const sum = totals.get(index * view.nodeCount + node);
      checkNode(inspection, cache, node, sum ?? { slabs: 0, objects: 0, empty: 0 });
    }
  }
}

function checkNode(inspection: Inspection, cache: CacheView, of: number, sum: Totals): void {
  const node = inspection.view.node(cache.index, of);
  const owner = cache.state === CACHE_FREE ? `entry ${cache.index}` : cache.name;
  const where = `node ${of} of ${owner}`;
  const expect = (name: "nr_slabs" | "total_objects", expected: number) => {
    if (node[name] === expected) return;
    const message = `${name} should be ${expected}, is ${node[name]}`;
    inspection.report("Q3-totals", where, node.address, message);
  };
  expect("nr_slabs", sum.slabs);
  expect("total_objects", sum.objects);
  if (sum.empty > cache.min_partial) {
    const message = `${sum.empty} empty slabs are kept, min_partial is ${cache.min_partial}`;
    inspection.report("Q14-empty", where, node.address, message);
  }
}

function report(
  inspection: Inspection,
  invariant: InvariantId,
  slab: SlabRecord,
  message: string,
): void {
  inspection.report(invariant, describeSlab(slab), slab.page.address, message);
}
