/**
 * A23-deferred, T25-pending, Q28-arm: objects that a nolock call freed and nobody drained yet.
 *
 * A link holds the address of the next object's free pointer slot, so the object is found through
 * the page and the cache it belongs to.
 */
import { type DeferPlace, listOf, wayOf } from "../arms.js";
import { hex } from "../errors.js";
import type { CacheView } from "../view.js";
import { slabAt, walk } from "../walk.js";
import type { Inspection } from "./inspection.js";

/** Walk every deferred list there is and mark what it holds. */
export function checkDeferred(inspection: Inspection): void {
  const { view } = inspection;
  for (const cache of view.caches()) {
    const whole = `deferred list of ${cache.name}`;
    const name = `${cache.name}`;
    checkList(inspection, cache.defer_free_objects, "cache", whole, cache);
    checkList(inspection, cache.defer_own_line, "cache line", whole, cache);
    for (let node = 0; node < view.nodeCount; node++) {
      const { defer_free_objects } = view.node(cache.index, node);
      checkList(inspection, defer_free_objects, "node", `node ${node} of ${name}`, cache);
    }
    for (let cpu = 0; cpu < view.cpuCount; cpu++) {
      const { defer_free_objects } = view.cpuCache(cpu, cache.index);
      checkList(inspection, defer_free_objects, "cpu and cache", `cpu ${cpu} of ${name}`, cache);
    }
  }
  const isRaised = wayOf(view.header())?.trigger === "irq work";
  for (let number = 0; number < view.cpuCount; number++) {
    const cpu = view.cpu(number);
    checkList(inspection, cpu.defer_objects, "cpu", `cpu ${number}`, null);
    const isWaiting = (isRaised && cpu.defer_objects !== 0) || cpu.defer_slabs !== 0;
    if (!isWaiting || cpu.irq_pending !== 0) continue;
    const message = "something waits for irq_work, but irq_pending is 0";
    inspection.report("T25-pending", `cpu ${number}`, cpu.address, message);
  }
}

/** @param only the cache that all objects must be of, or null */
function checkList(
  inspection: Inspection,
  head: number,
  kind: DeferPlace,
  where: string,
  only: CacheView | null,
): void {
  if (head === 0) return;
  const { view } = inspection;
  const way = wayOf(view.header());
  if (way !== null && listOf(way) !== kind) {
    const message = `objects wait on a list that the place "${way.place}" does not use`;
    inspection.report("Q28-arm", where, head, message);
  }
  const report = (address: number, message: string) =>
    inspection.report("A23-deferred", where, address, message);
  const list = walk(head, view.byteLength / 8, {
    check: (slot) => (slabAt(view, slot) === null ? "the link lies in no slab" : null),
    next: (slot) => view.u32(slot),
  });
  if (list.fault !== null) report(list.at, `at ${hex(list.at)}: ${list.fault}`);
  for (const slot of list.items) {
    const found = slabAt(view, slot);
    const slab = found === null ? undefined : inspection.slabs.get(found.slab.address);
    if (slab === undefined) {
      report(slot, `${hex(slot)} lies in no slab that is sound`);
    } else if (only !== null && slab.cache.address !== only.address) {
      report(slot, `${hex(slot)} lies in a slab of ${slab.cache.name}`);
    } else {
      inspection.mark(slab, slot - slab.cache.offset, "deferred list");
    }
  }
}
