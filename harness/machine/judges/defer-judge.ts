/**
 * Deferral: what is put on lock-less lists, who asks for work, who takes the lists.
 *
 * - A node is added once, in front of what the head was; an object that is added is nobody's, and
 *   an object at all. Whoever takes a list gets exactly what was added, each node once.
 * - Work is raised by the one whose node found a CPU's list empty, before its call ends, for that
 *   CPU and by nobody else. Nothing ever waits on a CPU for which no work is raised, except in the
 *   moment in which the work begins.
 * - A CPU's lists are taken by itself (or by a barrier), not in an NMI, with no lock held.
 */
import type { Fibre } from "../core/fibre.js";
import { DEAD, DEPTH_MAX } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import { SITE_KINDS } from "../instrument/sites.js";
import { FieldJudge, type Touch } from "./field-watch.js";
import { type HeapWords, IRQ_PENDING, OBJECT_LLIST, PAGE_LLIST, SLAB_LLIST } from "./heap-words.js";
import type { LockJudge } from "./locks.js";
import { isBarrier, isReaping, worksOnOthers } from "./others.js";
import type { Ownership } from "./ownership.js";

const RMW = SITE_KINDS.indexOf("rmw");
const HARDIRQ_MASK = 0xf00;
const IRQ_OFF_MASK = 0xff;
const NMI_MASK = 0xf000;
const NOBODY = -1;

export class DeferJudge extends FieldJudge {
  readonly watches = [OBJECT_LLIST, SLAB_LLIST, PAGE_LLIST, IRQ_PENDING];
  readonly #locks: LockJudge;
  readonly #ownership: Ownership;
  readonly #fibres: readonly Fibre[];
  /** Node to the list it waits on. */
  readonly #waiting = new Map<number, number>();
  readonly #atStart = new Map<number, number>();
  /** By fibre and depth: the CPU for which it has to raise work. */
  readonly #owes: readonly Int32Array[];

  constructor(machine: Machine, heap: HeapWords, locks: LockJudge, ownership: Ownership) {
    super(machine, heap);
    this.#locks = locks;
    this.#ownership = ownership;
    this.#fibres = machine.fibres;
    this.#owes = machine.fibres.map(() => new Int32Array(DEPTH_MAX + 1).fill(NOBODY));
    this.#findWaiting();
  }

  /** What the setup left on lists. */
  #findWaiting(): void {
    for (const list of this.heap.llists) {
      for (let node = this.heap.at(list); node !== 0; node = this.heap.at(node)) {
        this.#atStart.set(node, list);
      }
    }
  }

  override begin(): void {
    this.#waiting.clear();
    for (const [node, list] of this.#atStart) this.#waiting.set(node, list);
    for (const owes of this.#owes) owes.fill(NOBODY);
  }

  override wrote(touch: Touch): void {
    if (touch.what === IRQ_PENDING) this.#pending(touch);
    else if (this.#isFirstTaken(touch)) this.#takenFirst(touch);
    else if (touch.after !== 0) this.#added(touch);
    else if (touch.kind === RMW || touch.what !== OBJECT_LLIST) this.#taken(touch);
    else this.report("defer", "empties a lock-less list without taking it", touch);
  }

  /** One node is taken off its front, by a cmpxchg to what it leads to: pages alone. */
  #isFirstTaken({ what, address, before, after }: Touch): boolean {
    return (
      what === PAGE_LLIST &&
      this.#waiting.get(before) === address &&
      this.heap.at(before) === after &&
      (after === 0 || this.#waiting.get(after) === address)
    );
  }

  #takenFirst({ before }: Touch): void {
    this.#waiting.delete(before);
  }

  #added(touch: Touch): void {
    const { heap } = this;
    const node = touch.after;
    if (this.#waiting.has(node)) {
      this.report("defer", `adds ${hex(node)} to a list, and it is on one`, touch);
    }
    if (heap.at(node) !== touch.before) {
      this.report("defer", `adds ${hex(node)}, which does not lead to the old head`, touch);
    }
    this.#waiting.set(node, touch.address);
    if (touch.what === OBJECT_LLIST) this.#checkObject(node, touch);
    if (touch.what === PAGE_LLIST || touch.before !== 0) return;
    const cpu = this.#cpuOf(touch.address);
    if (cpu !== NOBODY) this.#owesOf(touch.fibre)[touch.depth] = cpu;
  }

  #checkObject(node: number, touch: Touch): void {
    const { heap } = this;
    const slab = heap.slabAt(node);
    const cache = slab === 0 ? undefined : heap.cacheAt(heap.field(slab, "slab_cache"));
    if (cache === undefined) {
      // A cache that came later than the judges is not known to them.
      if (slab === 0) this.report("defer", `defers ${hex(node)}, which is in no slab`, touch);
      return;
    }
    const object = node - cache.offset;
    if (!heap.isObject(cache, slab, object)) {
      this.report("defer", `defers ${hex(node)}, which is no object's free pointer`, touch);
    } else if (this.#ownership.isOwned(object)) {
      this.report("defer", `defers ${hex(object)}, which is somebody's`, touch);
    }
  }

  #taken(touch: Touch): void {
    let expected = 0;
    for (const list of this.#waiting.values()) expected += Number(list === touch.address);
    let count = 0;
    for (let node = touch.before; node !== 0; node = this.heap.at(node)) {
      if (this.#waiting.get(node) !== touch.address) {
        this.report("defer", `takes a list that leads to ${hex(node)}, never added`, touch);
        return;
      }
      this.#waiting.delete(node);
      count++;
    }
    if (count !== expected) {
      this.report("defer", `takes ${count} of the ${expected} nodes that were added`, touch);
    }
    if (touch.what !== PAGE_LLIST && count > 0) this.#drains(touch);
  }

  #drains(touch: Touch): void {
    const { fibre, cpu } = touch;
    const of = this.#cpuOf(touch.address);
    if (of !== NOBODY && of !== cpu && !isBarrier(fibre)) {
      this.report("defer", `drains what waits for cpu ${of}`, touch);
    }
    // Not by the depth of handlers: work that waited for an NMI runs at its end.
    const context = this.heap.context(cpu);
    if ((context & NMI_MASK) !== 0) this.report("defer", "drains in an NMI", touch);
    // Slabs are taken under a lock of their own, which keeps takers apart.
    if (touch.what === SLAB_LLIST || isReaping(fibre)) return;
    if (this.#locks.countOf(fibre) > 0 || (context & IRQ_OFF_MASK) !== 0) {
      this.report("defer", "drains with a lock held", touch);
    }
  }

  #pending(touch: Touch): void {
    if (touch.after === 0) return;
    const owes = this.#owesOf(touch.fibre);
    const cpu = this.heap.cpuOf(touch.base);
    if (owes[touch.depth] !== cpu && !worksOnOthers(touch.fibre)) {
      this.report("defer", `raises work on cpu ${cpu}, whose list it did not find empty`, touch);
    }
    owes[touch.depth] = NOBODY;
  }

  override endOperation(fibre: Fibre): void {
    if (this.#owesOf(fibre)[fibre.depth] !== NOBODY) {
      this.reportAt("defer", "found a CPU's list empty, and raised no work", fibre);
    }
    // A handler may stand between the exchange and the context of what it interrupted.
    if (fibre.depth > 0) return;
    for (let cpu = 0; cpu < this.heap.cpus; cpu++) {
      if (!this.#isForgotten(cpu)) continue;
      this.reportAt("defer", `something waits for cpu ${cpu}, and no work is raised`, fibre);
    }
  }

  /** Something waits, no work is raised, and nobody is about to raise it, is doing it, or died. */
  #isForgotten(cpu: number): boolean {
    const area = this.heap.areas[cpu] ?? 0;
    const { defer_objects, defer_slabs, irq_pending } = this.heap.table.offsets.cpu_area;
    if (this.heap.at(area + defer_objects) + this.heap.at(area + defer_slabs) === 0) return false;
    if (this.heap.at(area + irq_pending) !== 0) return false;
    if ((this.heap.context(cpu) & HARDIRQ_MASK) !== 0) return false;
    return (
      !this.#owes.some((owes) => owes.includes(cpu)) &&
      !this.#fibres.some((fibre) => fibre.cpu === cpu && fibre.state === DEAD) &&
      !this.#isBeginning(cpu)
    );
  }

  /** Between the exchange of `irq_pending` and the context of the work. */
  #isBeginning(cpu: number): boolean {
    return this.#fibres.some((fibre) => fibre.cpu === cpu && fibre.suspended);
  }

  #owesOf(fibre: Fibre): Int32Array {
    return this.#owes[fibre.id] as Int32Array;
  }

  /** The CPU whose irq_work drains the list at `head`, or -1. */
  #cpuOf(head: number): number {
    const cpu = this.heap.cpuOf(head);
    const area = this.heap.areas[cpu];
    if (area === undefined) return NOBODY;
    const { defer_objects, defer_slabs } = this.heap.table.offsets.cpu_area;
    return head === area + defer_objects || head === area + defer_slabs ? cpu : NOBODY;
  }
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
