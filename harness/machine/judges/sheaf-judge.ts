/**
 * What a CPU holds in sheaves, and what its node's barn has.
 *
 * - Only its own CPU writes what it holds, all but the hand only inside the section of its lock;
 *   a barn's lists are written under the barn's lock.
 * - Whenever the section ends: `top` lies in `main`, no sheaf is met twice or is in the hand, too;
 *   those below main have objects, as many of them as main says, and the spare ones have none.
 * - Whenever a barn's lock is released, its lists are as long as it says, full ones full, empty
 *   ones empty.
 */
import type { Machine } from "../core/machine.js";
import { FieldJudge, type Touch } from "./field-watch.js";
import {
  BARN_LIST,
  BARN_LOCK,
  CPU_SHEAVES,
  type HeapWords,
  SHEAF_HAND,
  SHEAF_LOCK,
} from "./heap-words.js";
import type { LockJudge } from "./locks.js";
import { worksOnOthers } from "./others.js";

/** No list of a scenario is as long. */
const STEPS_MAX = 1000;

export class SheafJudge extends FieldJudge {
  readonly watches = [CPU_SHEAVES, SHEAF_HAND, SHEAF_LOCK, BARN_LIST, BARN_LOCK];
  readonly #locks: LockJudge;
  readonly #noSheaf: number;
  readonly #met = new Set<number>();

  /** @param base of the heap */
  constructor(machine: Machine, heap: HeapWords, locks: LockJudge, base: number) {
    super(machine, heap);
    this.#locks = locks;
    this.#noSheaf = base + heap.table.offsets.heap_header.no_sheaf;
  }

  override touches(touch: Touch): void {
    const { what, fibre, base, cpu, depth } = touch;
    if (!touch.writes || worksOnOthers(fibre) || isCreating(touch)) return;
    const { kmem_cache_cpu: each, node_barn } = this.heap.table.offsets;
    if (what === BARN_LIST) {
      if (this.#locks.depthOf(fibre, base + node_barn.lock) === depth) return;
      this.report("sheaf", "changes a barn's lists without its lock", touch);
    } else if (what === CPU_SHEAVES || what === SHEAF_HAND) {
      const owner = this.heap.cpuOf(base);
      if (owner !== cpu) this.report("sheaf", `writes what cpu ${owner} has in sheaves`, touch);
      else if (what === SHEAF_HAND) return;
      else if (this.#locks.depthOf(fibre, base + each.sheaf_lock) !== depth) {
        this.report("sheaf", "changes a CPU's sheaves outside the section of their lock", touch);
      }
    }
  }

  override wrote(touch: Touch): void {
    if (touch.after !== 0 || touch.before === 0 || worksOnOthers(touch.fibre)) return;
    if (touch.what === SHEAF_LOCK) this.#lookAtCpu(touch.base, touch);
    else if (touch.what === BARN_LOCK) this.#lookAtBarn(touch.base, touch);
  }

  #lookAtCpu(c: number, touch: Touch): void {
    const { heap } = this;
    const { top, end, main, spare, sheaf_in_hand } = heap.table.offsets.kmem_cache_cpu;
    const first = heap.at(c + main);
    this.#met.clear();
    this.#met.add(heap.at(c + sheaf_in_hand));
    if (first === 0) {
      const isNone = heap.at(c + top) === this.#noSheaf && heap.at(c + end) === this.#noSheaf;
      if (!isNone) this.report("sheaf", "there is no main, but a top or an end", touch);
    } else {
      this.#lookAtMain(c, first, touch);
    }
    this.#walk(heap.at(c + spare), touch, "a spare one", ({ size }) => size === 0);
  }

  #lookAtMain(c: number, main: number, touch: Touch): void {
    const { heap } = this;
    const { top, end } = heap.table.offsets.kmem_cache_cpu;
    const below = main + heap.table.constants.SHEAF_OBJECTS - 4;
    const { capacity, depth } = this.#read(main);
    const [at, last] = [heap.at(c + top), heap.at(c + end)];
    if (at < below || at > last || last !== below + capacity * 4) {
      this.report("sheaf", `top ${hex(at)} does not lie in main ${hex(main)}`, touch);
    }
    if (this.#met.has(main)) this.report("sheaf", `main ${hex(main)} is in the hand, too`, touch);
    this.#met.add(main);
    const found = this.#walk(
      this.#read(main).link,
      touch,
      "one below main",
      ({ size }) => size > 0,
    );
    if (found !== depth) {
      this.report("sheaf", `main says ${depth} sheaves lie below it, it is ${found}`, touch);
    }
  }

  #lookAtBarn(barn: number, touch: Touch): void {
    const of = this.heap.table.offsets.node_barn;
    this.#met.clear();
    const look = (list: number, count: number, what: string, isFine: (s: Sheaf) => boolean) => {
      const found = this.#walk(this.heap.at(barn + list), touch, what, isFine);
      const says = this.heap.at(barn + count);
      if (found === says) return;
      this.report("sheaf", `a barn's list of ${what} has ${found}, it says ${says}`, touch);
    };
    look(of.full, of.nr_full, "a full one", ({ size, capacity }) => size === capacity);
    look(of.empty, of.nr_empty, "an empty one", ({ size }) => size === 0);
    look(of.prefilled, of.nr_prefilled, "a prefilled one", () => true);
  }

  /** @returns how many sheaves there are from `first` on */
  #walk(first: number, touch: Touch, what: string, isFine: (sheaf: Sheaf) => boolean): number {
    let count = 0;
    for (let at = first; at !== 0 && count < STEPS_MAX; count++) {
      const sheaf = this.#read(at);
      if (this.#met.has(at) || sheaf.size > sheaf.capacity || !isFine(sheaf)) {
        const why = this.#met.has(at) ? "is met twice" : `has ${sheaf.size} of ${sheaf.capacity}`;
        this.report("sheaf", `the sheaf ${hex(at)}, ${what}, ${why}`, touch);
        return count;
      }
      this.#met.add(at);
      at = sheaf.link;
    }
    return count;
  }

  #read(sheaf: number): Sheaf {
    const { link, size, capacity, depth } = this.heap.table.offsets.sheaf;
    return {
      link: this.heap.at(sheaf + link),
      size: this.heap.at(sheaf + size),
      capacity: this.#half(sheaf + capacity),
      depth: this.#half(sheaf + depth),
    };
  }

  #half(address: number): number {
    return (this.heap.at(address) >>> ((address % 4) * 8)) & 0xffff;
  }
}

interface Sheaf {
  readonly link: number;
  readonly size: number;
  readonly capacity: number;
  readonly depth: number;
}

/** A cache comes into being: nobody has any sheaf of it. */
function isCreating({ fibre: { frame } }: Touch): boolean {
  return /create/.test(frame.operations[frame.at]?.call ?? "");
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
