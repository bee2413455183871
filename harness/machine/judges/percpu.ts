/**
 * What a CPU holds of a cache: the freelist with its tid, the cpu slab, the partial list.
 *
 * - Only its own CPU writes it; a fast path only while nobody is inside the section of its local
 *   lock, anything else only inside.
 * - The tid grows with every change of the list, and modulo TID_STEP it is the CPU.
 * - Without a cpu slab there is no list; with one, all of the list lies in it, shares nothing with
 *   the slab's own, and both together are what is free: looked at whenever the section ends.
 * - The partial list holds slabs that are in this CPU's hand, and each of them once.
 */
import type { Machine } from "../core/machine.js";
import { CPU_SLAB_ASKS, SL_PARTIAL, TID_STEP } from "../../heap/constants.js";
import type { Site } from "../instrument/sites.js";
import { FieldJudge, type Touch } from "./field-watch.js";
import {
  CPU_LIST,
  CPU_PARTIAL,
  CPU_SLAB,
  type CacheWords,
  type HeapWords,
  LOCAL_LOCK,
  frozenIn,
  inuseIn,
  objectsIn,
} from "./heap-words.js";
import type { LockJudge } from "./locks.js";
import { worksOnOthers } from "./others.js";

export class PerCpuJudge extends FieldJudge {
  readonly watches = [CPU_LIST, CPU_SLAB, CPU_PARTIAL, LOCAL_LOCK];
  readonly #locks: LockJudge;
  readonly #rt: boolean;
  /** By site: whether it is the one store of a fast path. */
  readonly #isFast: Uint8Array;
  /** A module without names and places does not say which; then sections are not judged. */
  readonly #knowsFast: boolean;
  /** By word: number of the walk that met an object there. */
  readonly #met: Int32Array;
  #walk = 0;

  constructor(machine: Machine, heap: HeapWords, locks: LockJudge, rt: boolean) {
    super(machine, heap);
    this.#locks = locks;
    this.#rt = rt;
    const { sites } = machine.module.table;
    this.#isFast = Uint8Array.from(sites, (site) => Number(isFast(site)));
    this.#knowsFast = this.#isFast.includes(1);
    this.#met = new Int32Array(heap.words.length);
  }

  override touches(touch: Touch): void {
    if (!touch.writes || touch.what === LOCAL_LOCK) return;
    const { fibre, base } = touch;
    if (this.heap.cpuOf(base) !== touch.cpu) {
      if (worksOnOthers(fibre)) return;
      this.report("percpu", `writes what cpu ${this.heap.cpuOf(base)} holds of a cache`, touch);
      return;
    }
    if (!this.#knowsFast) return;
    const lock = base + this.heap.table.offsets.kmem_cache_cpu.lock;
    if (this.#isFast[touch.site] === 1 && !this.#rt) {
      // A cmpxchg that will fail does no harm, but it has no business here either.
      if (this.heap.at(lock) !== 0) this.report("percpu", "a fast path inside the section", touch);
    } else if (this.#locks.depthOf(fibre, lock) !== touch.depth && !worksOnOthers(fibre)) {
      this.report("percpu", "changes what a CPU holds, outside the section of its lock", touch);
    }
  }

  override wrote(touch: Touch): void {
    const { what, base } = touch;
    if (what === LOCAL_LOCK) {
      if (touch.after === 0) this.#look(base, touch);
    } else if (what === CPU_LIST) {
      this.#listChanged(touch);
      if (this.#isFast[touch.site] === 1) this.#lookAtSlab(base, touch);
    }
  }

  #listChanged(touch: Touch): void {
    if (touch.width !== 8) {
      this.report("percpu", "writes half of a cpu freelist and its tid", touch);
      return;
    }
    const cpu = this.heap.cpuOf(touch.base);
    const grown = (touch.afterHigh - touch.beforeHigh) | 0;
    if (grown <= 0) this.report("percpu", "changes a cpu freelist without a new tid", touch);
    if (touch.afterHigh % TID_STEP !== cpu % TID_STEP) {
      this.report("percpu", `makes the tid of cpu ${cpu} ${touch.afterHigh}`, touch);
    }
  }

  /** The section ends. */
  #look(c: number, touch: Touch): void {
    const slab = this.#lookAtSlab(c, touch);
    const cache = this.heap.cacheOf(c);
    if (cache === undefined) return;
    if (slab !== 0) this.#walkLists(cache, c, slab, touch);
    this.#walkPartials(cache, c, touch);
  }

  #lookAtSlab(c: number, touch: Touch): number {
    const { freelist: list, slab: slabAt } = this.heap.table.offsets.kmem_cache_cpu;
    const slab = this.heap.at(c + slabAt) & ~CPU_SLAB_ASKS;
    const freelist = this.heap.at(c + list);
    if (freelist !== 0 && (slab === 0 || this.heap.slabAt(freelist) !== slab)) {
      const where = slab === 0 ? "there is no cpu slab" : "it lies in another slab";
      this.report("percpu", `the cpu freelist begins at ${hex(freelist)}: ${where}`, touch);
    }
    return slab;
  }

  /** The cpu freelist and that of its slab: no object twice, as many as there should be. */
  #walkLists(cache: CacheWords, c: number, slab: number, touch: Touch): void {
    const { heap } = this;
    const counters = heap.field(slab, "counters");
    if (!frozenIn(counters)) {
      this.report("percpu", "the cpu slab is not frozen", touch);
      return;
    }
    this.#walk++;
    const mine = heap.at(c + heap.table.offsets.kmem_cache_cpu.freelist);
    this.#walkOne(cache, slab, mine, touch);
    const free = this.#walkOne(cache, slab, heap.field(slab, "freelist"), touch);
    const expected = objectsIn(counters) - inuseIn(counters);
    if (free === expected) return;
    this.report("percpu", `${free} objects on the cpu slab's list, expected ${expected}`, touch);
  }

  #walkOne(cache: CacheWords, slab: number, first: number, touch: Touch): number {
    let count = 0;
    for (let object = first; object !== 0; object = this.heap.at(object + cache.offset)) {
      if (!this.heap.isObject(cache, slab, object) || this.#met[object >>> 2] === this.#walk) {
        const what = this.#met[object >>> 2] === this.#walk ? "meets twice" : "leads to";
        this.report("percpu", `a freelist of the cpu slab ${what} ${hex(object)}`, touch);
        return count;
      }
      this.#met[object >>> 2] = this.#walk;
      count++;
    }
    return count;
  }

  #walkPartials(cache: CacheWords, c: number, touch: Touch): void {
    const { heap } = this;
    const cpu = heap.cpuOf(c);
    const first = heap.at(c + heap.table.offsets.kmem_cache_cpu.partial);
    let left = first === 0 ? 0 : heap.field(first, "slabs");
    for (let slab = first; slab !== 0; slab = heap.field(slab, "next")) {
      const counters = heap.isPage(slab) ? heap.field(slab, "counters") : 0;
      const isRight =
        left-- > 0 &&
        heap.field(slab, "slab_cache") === cache.address &&
        heap.field(slab, "in_hand") === cpu + 1 &&
        (heap.field(slab, "flags") & SL_PARTIAL) === 0 &&
        !frozenIn(counters) &&
        inuseIn(counters) < objectsIn(counters);
      if (isRight) continue;
      this.report("percpu", `the slab ${hex(slab)} is on a percpu partial list`, touch);
      return;
    }
    if (left > 0) this.report("percpu", `a percpu partial list is ${left} too short`, touch);
  }
}

function isFast({ isThisCpu, place }: Site): boolean {
  return isThisCpu || place?.function === "this_cpu_cmpxchg_double";
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
