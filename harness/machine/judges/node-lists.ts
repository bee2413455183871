/**
 * A node's partial list: changed only under its list_lock, and sound whenever that is released.
 *
 * Then nr_partial is its length, its links agree both ways, and each slab on it is listed as such,
 * in nobody's hand, not frozen, has a free object, and is the only one of its kind that is empty
 * beyond min_partial.
 */
import type { Machine } from "../core/machine.js";
import { SL_PARTIAL } from "../../heap/constants.js";
import { FieldJudge, type Touch } from "./field-watch.js";
import {
  type HeapWords,
  LIST_LOCK,
  NODE_LIST,
  frozenIn,
  inuseIn,
  objectsIn,
} from "./heap-words.js";
import type { LockJudge } from "./locks.js";
import { isReaping } from "./others.js";

export class NodeListJudge extends FieldJudge {
  readonly watches = [NODE_LIST, LIST_LOCK];
  readonly #locks: LockJudge;

  constructor(machine: Machine, heap: HeapWords, locks: LockJudge) {
    super(machine, heap);
    this.#locks = locks;
  }

  override touches(touch: Touch): void {
    if (touch.what !== NODE_LIST || !touch.writes) return;
    const lock = touch.base + this.heap.table.offsets.kmem_cache_node.list_lock;
    if (this.#locks.depthOf(touch.fibre, lock) === touch.depth) return;
    this.report("list", "changes a node's partial list without its list_lock", touch);
  }

  override wrote(touch: Touch): void {
    if (touch.what === LIST_LOCK && touch.after === 0) this.#walk(touch);
  }

  #walk(touch: Touch): void {
    const { heap } = this;
    const { partial, partial_tail, nr_partial } = heap.table.offsets.kmem_cache_node;
    const expected = heap.at(touch.base + nr_partial);
    let [count, empty, last, cache] = [0, 0, 0, 0];
    for (let slab = heap.at(touch.base + partial); slab !== 0; slab = heap.field(slab, "next")) {
      const wrong = heap.isPage(slab) ? this.#wrongWith(slab, last) : "is no page";
      if (wrong !== "" || ++count > expected) {
        const what = wrong === "" ? "is one more than nr_partial" : wrong;
        this.report("list", `page ${heap.pfnOf(slab)} on a node's partial list ${what}`, touch);
        return;
      }
      if (inuseIn(heap.field(slab, "counters")) === 0) empty++;
      cache = heap.field(slab, "slab_cache");
      last = slab;
    }
    if (count !== expected) {
      this.report("list", `${count} slabs on a partial list, nr_partial is ${expected}`, touch);
    } else if (heap.at(touch.base + partial_tail) !== last) {
      this.report("list", "the tail of a partial list is not its last slab", touch);
    } else if (isReaping(touch.fibre)) {
      // It trims what it listed when it is done.
    } else if (empty > 0 && empty > heap.at(cache + heap.table.offsets.kmem_cache.min_partial)) {
      this.report("list", `a node keeps ${empty} empty slabs, more than min_partial`, touch);
    }
  }

  #wrongWith(slab: number, last: number): string {
    const { heap } = this;
    const counters = heap.field(slab, "counters");
    if ((heap.field(slab, "flags") & SL_PARTIAL) === 0) return "does not carry SL_PARTIAL";
    if (heap.field(slab, "prev") !== last) return "does not point back";
    if (heap.field(slab, "in_hand") !== 0) return "is in somebody's hand";
    if (frozenIn(counters)) return "is frozen";
    return inuseIn(counters) < objectsIn(counters) ? "" : "has no free object";
  }
}
