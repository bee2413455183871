/**
 * The slab word, freelist and counters of a slab: how it may be touched, and what it may become.
 *
 * - 64-bit atomics only, loads too; a plain store or half a word tears.
 * - A slab comes from nothing (new) and goes to nothing (discarded): then no object is in use,
 *   nobody froze it, it is on no list and no CPU's. In between, frees add objects; only a CPU that
 *   has it in its hand takes them, all at once, and freezes it by that; thawing takes none.
 * - freelist and counters agree at every moment, and so do the free pointers: as many objects as
 *   counted, each of this slab, each once.
 */
import type { Machine } from "../core/machine.js";
import { CPU_SLAB_ASKS, SL_PARTIAL } from "../../heap/constants.js";
import { SITE_KINDS, isAtomic } from "../instrument/sites.js";
import { FieldJudge, type Touch } from "./field-watch.js";
import {
  type CacheWords,
  type HeapWords,
  SLAB_WORD,
  frozenIn,
  inuseIn,
  objectsIn,
} from "./heap-words.js";
import type { Ownership } from "./ownership.js";
import { worksOnOthers } from "./others.js";

const ATOMIC = Uint8Array.from(SITE_KINDS, (kind) => Number(isAtomic(kind)));

export class SlabWordJudge extends FieldJudge {
  readonly watches = [SLAB_WORD];
  readonly #ownership: Ownership;
  readonly #met: Int32Array;
  #walk = 0;

  constructor(machine: Machine, heap: HeapWords, ownership: Ownership) {
    super(machine, heap);
    this.#ownership = ownership;
    this.#met = new Int32Array(heap.words.length);
  }

  override touches(touch: Touch): void {
    if (touch.width === 8 && ATOMIC[touch.kind] === 1) return;
    const how = touch.width === 8 ? "plainly" : `by ${touch.width * 8} bits`;
    this.report("slab", `touches a slab word ${how}`, touch);
  }

  override wrote(touch: Touch): void {
    const { before, beforeHigh, after, afterHigh } = touch;
    if (before === after && beforeHigh === afterHigh) return;
    const [from, to] = [objectsIn(beforeHigh), objectsIn(afterHigh)];
    if (to === 0) this.#discarded(touch);
    else if (from === 0) this.#made(touch);
    else this.#changed(touch, from, to);
    if (to !== 0 && this.heap.field(touch.base, "slab_cache") !== 0) this.#walkList(touch);
  }

  #made(touch: Touch): void {
    const isNew = touch.before === 0 && touch.beforeHigh === 0;
    if (isNew && inuseIn(touch.afterHigh) === 0 && !frozenIn(touch.afterHigh)) return;
    this.#refuse("is not as a new one is", touch);
  }

  #discarded(touch: Touch): void {
    const { base, before, beforeHigh, after, afterHigh } = touch;
    const { heap } = this;
    if (after !== 0 || afterHigh !== 0) this.#refuse("has no objects, and yet a list", touch);
    if (before === 0 && beforeHigh === 0) return;
    if (inuseIn(beforeHigh) !== 0) this.#refuse("is discarded with objects in use", touch);
    if (frozenIn(beforeHigh)) this.#refuse("is discarded frozen", touch);
    if ((heap.field(base, "flags") & SL_PARTIAL) !== 0) this.#refuse("is discarded listed", touch);
    const start = heap.startOf(base);
    const end = start + 4096 * 2 ** heap.field(base, "order");
    for (const object of this.#ownership.live.keys()) {
      if (object >= start && object < end) this.#refuse("is discarded with a live object", touch);
    }
  }

  #changed(touch: Touch, from: number, to: number): void {
    const { beforeHigh, afterHigh, after } = touch;
    if (from !== to) this.#refuse(`has ${to} objects, and had ${from}`, touch);
    const [was, is] = [inuseIn(beforeHigh), inuseIn(afterHigh)];
    const [froze, freezes] = [frozenIn(beforeHigh), frozenIn(afterHigh)];
    if (is < was) {
      if (!froze && freezes) this.#refuse("is frozen by a free", touch);
    } else if (is > was) {
      if (is !== to || after !== 0 || !freezes) this.#refuse("loses only some objects", touch);
      if (!this.#isInHand(touch)) this.#refuse("is taken from without being in hand", touch);
    } else if (!froze || freezes) this.#refuse("changes without a free object more or less", touch);
  }

  /** Whether the CPU that takes all objects may. */
  #isInHand({ base, cpu, fibre }: Touch): boolean {
    const { heap } = this;
    if (heap.field(base, "in_hand") === cpu + 1 || worksOnOthers(fibre)) return true;
    const cache = heap.field(base, "slab_cache");
    const c = heap.cpuCacheOf(cpu, cache);
    return (heap.at(c + heap.table.offsets.kmem_cache_cpu.slab) & ~CPU_SLAB_ASKS) === base;
  }

  #walkList(touch: Touch): void {
    const { heap } = this;
    const cache = heap.cacheAt(heap.field(touch.base, "slab_cache"));
    if (cache === undefined) return;
    this.#walk++;
    const free = objectsIn(touch.afterHigh) - inuseIn(touch.afterHigh);
    const found = this.#lengthOf(cache, touch);
    if (found !== free) this.#refuse(`lists ${found} of ${free} free objects`, touch);
  }

  #lengthOf(cache: CacheWords, touch: Touch): number {
    let count = 0;
    for (let object = touch.after; object !== 0; object = this.heap.at(object + cache.offset)) {
      const index = object >>> 2;
      if (!this.heap.isObject(cache, touch.base, object) || this.#met[index] === this.#walk) {
        this.#refuse(`lists 0x${object.toString(16)}`, touch);
        return count;
      }
      this.#met[index] = this.#walk;
      if (this.#ownership.isOwned(object)) this.#refuse("lists a live object", touch);
      count++;
    }
    return count;
  }

  #refuse(what: string, touch: Touch): void {
    this.report("slab", `the slab of page ${this.heap.pfnOf(touch.base)} ${what}`, touch);
  }
}
