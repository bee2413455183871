/**
 * Q38-rcu: what waits for a grace period, on the queue of a CPU or of the heap.
 *
 * Lists are of pages: those of an empty slab, or one page of addresses, as many as `slabs` says.
 * Each address is an allocation that nobody uses any more and nothing else holds.
 */
import { PG_LARGE } from "../constants.js";
import { hex } from "../errors.js";
import type { PageView, RcuQueueView } from "../view.js";
import { slabAt, type Walk, walkLlist } from "../walk.js";
import type { Inspection } from "./inspection.js";

/** Walk every queue; the blocks met are taken out of the inspection's notes. */
export function checkRcu(inspection: Inspection): void {
  const { view } = inspection;
  const { rcu_gp } = view.struct("heap_header", view.base);
  if (rcu_gp % 2 === 0) report(inspection, view.base, "heap", `rcu_gp should be odd, is ${rcu_gp}`);
  const large = new Set<number>();
  for (const queue of view.rcuQueues()) {
    if (queue.open !== 0) {
      const open: Walk = { items: [queue.open], fault: null, at: 0 };
      checkList(inspection, queue, open, large);
    }
    checkList(inspection, queue, walkLlist(view, queue.next), large);
    checkList(inspection, queue, walkLlist(view, queue.wait), large);
    if (queue.taking !== 0) {
      const message = `nobody should be taking its list, ${hex(queue.taking)} is being taken`;
      report(inspection, queue.address, nameOf(queue), message);
    }
    if (queue.wait === 0 || queue.wait_gp % 2 === 1) continue;
    const message = `the list that waits has the period ${queue.wait_gp}`;
    report(inspection, queue.address, nameOf(queue), message);
  }
  for (const pfn of inspection.rcuBlocks) {
    const { address } = view.page(pfn);
    report(inspection, address, `page ${pfn} (rcu)`, "it waits for a grace period on no list");
  }
  for (let cpu = 0; cpu < view.cpuCount; cpu++) {
    const { reader, nesting, address } = view.rcu(cpu);
    if ((reader === 0) === (nesting === 0)) continue;
    const message = `reader is ${reader} in ${nesting} read-side sections`;
    report(inspection, address, `cpu ${cpu}`, message);
  }
}

function nameOf(queue: RcuQueueView): string {
  return queue.of < 0 ? "rcu queue of the heap" : `rcu queue of cpu ${queue.of}`;
}

function checkList(
  inspection: Inspection,
  queue: RcuQueueView,
  list: Walk,
  large: Set<number>,
): void {
  const { view } = inspection;
  const where = nameOf(queue);
  if (list.fault !== null) {
    report(inspection, list.at, where, `at ${hex(list.at)}: ${list.fault}`);
  }
  for (const item of list.items) {
    const page = view.page(view.pfnOf(item));
    if (inspection.rcuBlocks.delete(page.pfn)) checkAddresses(inspection, page, where, large);
    else report(inspection, item, where, `it holds page ${page.pfn}, no such page or met before`);
  }
}

/** The addresses in a page; a page of a slab has none. */
function checkAddresses(
  inspection: Inspection,
  page: PageView,
  where: string,
  large: Set<number>,
): void {
  const { view } = inspection;
  const room = 2 ** view.table.constants.PAGE_SHIFT / 4;
  if (page.slabs > room) {
    report(inspection, page.address, where, `page ${page.pfn} says it has ${page.slabs} addresses`);
    return;
  }
  for (let index = 0; index < page.slabs; index++) {
    const object = view.u32(page.start + index * 4);
    const found = slabAt(view, object);
    const slab = found === null ? undefined : inspection.slabs.get(found.slab.address);
    if (slab !== undefined) {
      inspection.mark(slab, object, "rcu queue");
      continue;
    }
    const pfn = view.pfnAt(object);
    const isLarge = pfn >= 0 && view.kind(pfn) === PG_LARGE && view.page(pfn).start === object;
    if (!isLarge || large.has(object)) {
      const message = `${hex(object)} is no allocation, or on the queue twice`;
      report(inspection, page.address, where, message);
    }
    large.add(object);
  }
}

function report(inspection: Inspection, address: number, where: string, message: string): void {
  inspection.report("Q38-rcu", where, address, message);
}
