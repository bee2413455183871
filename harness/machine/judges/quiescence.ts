/**
 * What must hold when every task has ended: every law of validate(), before and after what was
 * deferred is drained; and exactly the objects that users hold are neither free nor lost.
 *
 * Many schedules leave the same memory. It is judged once, and known again by its hash.
 */
import { PG_LARGE } from "../../heap/constants.js";
import { validate } from "../../heap/validate.js";
import type { HeapView } from "../../heap/view.js";
import { walkFreelist } from "../../heap/walk.js";
import type { Machine } from "../core/machine.js";
import type { Ownership } from "./ownership.js";

export class Quiescence {
  readonly #machine: Machine;
  readonly #view: HeapView;
  readonly #ownership: Ownership;
  /** Objects that are in use before any schedule, and nobody's. */
  #internal = new Set<number>();
  readonly #known = new Set<number>();

  constructor(machine: Machine, view: HeapView, ownership: Ownership) {
    this.#machine = machine;
    this.#view = view;
    this.#ownership = ownership;
  }

  /** Different memories that were judged. */
  get states(): number {
    return this.#known.size;
  }

  /** Take what is now as the start. */
  settle(): void {
    this.#ownership.begin();
    const owned = this.#ownership.live;
    this.#internal = new Set([...this.#inUse()].filter((object) => !owned.has(object)));
  }

  /** Judge the end of a schedule that is not undone yet. */
  judge(): void {
    const hash = this.#machine.undo.hash() + this.#liveHash();
    if (this.#known.has(hash)) return;
    this.#known.add(hash);
    this.#validate("at the end");
    if (this.#machine.found !== null) return;
    this.#machine.callAfter(0, "rcu_barrier");
    this.#machine.callAfter(0, "defer_free_barrier");
    this.#validate("once all is drained");
    this.#census();
  }

  #liveHash(): number {
    let sum = 0;
    for (const address of this.#ownership.live.keys()) sum += Math.imul(address, 0x9e3779b1) >>> 7;
    return sum;
  }

  #validate(when: string): void {
    const [first] = validate(this.#view);
    if (first === undefined) return;
    const { invariant, where, message } = first;
    this.#machine.report("invariant", `${when}: ${invariant} at ${where}: ${message}`, 0);
  }

  #census(): void {
    const inUse = this.#inUse();
    for (const object of this.#ownership.live.keys()) {
      if (inUse.delete(object)) continue;
      this.#machine.report("census", `the live object ${hex(object)} counts as free`, 0);
    }
    for (const object of inUse) {
      if (this.#internal.has(object)) continue;
      this.#machine.report("census", `the object ${hex(object)} is lost: nobody's and not free`, 0);
    }
  }

  /** Objects that are on no freelist. */
  #inUse(): Set<number> {
    const view = this.#view;
    view.refresh();
    const objects = new Set<number>();
    for (let pfn = view.header().first_pfn; pfn < view.endPfn; pfn++) {
      // A large allocation is known by its first page.
      if (view.kind(pfn) === PG_LARGE) objects.add(view.page(pfn).start);
    }
    for (const cache of view.caches()) {
      const all = { cpus: Array.from({ length: view.cpuCount }, (_, cpu) => cpu) };
      for (const slab of view.slabs(cache.address)) {
        const free = new Set(walkFreelist(view, cache, slab, slab.freelist).items);
        for (const cpu of all.cpus) {
          const mine = view.cpuCache(cpu, cache.index);
          if (mine.slab !== slab.address) continue;
          for (const object of walkFreelist(view, cache, slab, mine.freelist).items) {
            free.add(object);
          }
        }
        for (let index = 0; index < slab.objects; index++) {
          const object = slab.start + cache.red_left_pad + index * cache.size;
          if (!free.has(object)) objects.add(object);
        }
      }
    }
    return objects;
  }
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
