/** Where deferred objects wait: every list there is, walked through the view. */
import type { ArmWay } from "slablab/internal/heap/arms.js";
import type { CacheView } from "slablab/internal/heap/view.js";
import type { TestHeap } from "./heap.js";

/** Where a nolock free of CPU `cpu` to a slab of node `node` leaves its object; "" = nowhere. */
export function placeOf({ place }: ArmWay, cpu: number, node = 0): string {
  switch (place) {
    case "nowhere":
      return "";
    case "node":
      return `node ${node}`;
    case "cpu and cache":
      return `cpu ${cpu} of the cache`;
    case "cpu":
    case "slab":
      return `cpu ${cpu}`;
    default:
      return place;
  }
}

/** The objects on each list that is not empty, last deferred first. */
export function waitingObjects(heap: TestHeap, cache: CacheView): Record<string, number[]> {
  const { view } = heap;
  view.refresh();
  const now = view.cache(cache.index);
  const heads = new Map<string, number>([
    ["cache", now.defer_free_objects],
    ["cache line", now.defer_own_line],
  ]);
  for (let node = 0; node < view.nodeCount; node++) {
    heads.set(`node ${node}`, view.node(cache.index, node).defer_free_objects);
  }
  for (let cpu = 0; cpu < view.cpuCount; cpu++) {
    heads.set(`cpu ${cpu} of the cache`, view.cpuCache(cpu, cache.index).defer_free_objects);
    heads.set(`cpu ${cpu}`, view.cpu(cpu).defer_objects);
  }
  const lists: Record<string, number[]> = {};
  for (const [place, head] of heads) {
    if (head !== 0) lists[place] = walkSlots(heap, head).map((slot) => slot - cache.offset);
  }
  return lists;
}

/** Slabs that wait for a CPU's irq_work, last deferred first. */
export function waitingSlabs(heap: TestHeap, cpu: number): number[] {
  heap.view.refresh();
  const nodes = walkSlots(heap, heap.view.cpu(cpu).defer_slabs);
  return nodes.map((node) => node - heap.table.offsets.page.llnode);
}

function walkSlots(heap: TestHeap, head: number): number[] {
  const slots: number[] = [];
  for (let slot = head; slot !== 0; slot = heap.u32(slot)) {
    slots.push(slot);
    if (slots.length > 100_000) throw new Error("the deferred list runs in a circle");
  }
  return slots;
}
