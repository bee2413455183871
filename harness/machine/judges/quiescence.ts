/**
 * What must hold when every task has ended: every law of validate(), before and after what was
 * deferred is drained; and exactly the objects that users hold are neither free nor lost.
 *
 * If tasks died: the same once their CPUs were reaped, but for what they had in their hands; and a
 * CPU that was reaped can be used again.
 *
 * Many schedules leave the same memory. It is judged once, and known again by its hash.
 */
import { CPU_FREE, CPU_REAPER_SHIFT, CPU_REAPING, PG_LARGE } from "../../heap/constants.js";
import { validate } from "../../heap/validate.js";
import type { HeapView } from "../../heap/view.js";
import { sheafObjects, sheavesOf, waitsForReaders } from "../../heap/sheaves.js";
import { walkFreelist } from "../../heap/walk.js";
import type { Machine } from "../core/machine.js";
import type { Losses } from "./losses.js";
import type { Ownership } from "./ownership.js";

export class Quiescence {
  readonly #machine: Machine;
  readonly #view: HeapView;
  readonly #ownership: Ownership;
  /** Objects that are in use before any schedule, and nobody's. */
  #internal = new Set<number>();
  readonly #known = new Set<number>();
  readonly #losses: Losses;

  constructor(machine: Machine, view: HeapView, ownership: Ownership, losses: Losses) {
    this.#losses = losses;
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
    const machine = this.#machine;
    const { survivor } = machine;
    // Nobody is left to reap anybody.
    if (survivor < 0) return;
    const hash = machine.undo.hash() + this.#liveHash() + this.#losses.hash();
    if (this.#known.has(hash)) return;
    this.#known.add(hash);
    this.#areReaped();
    if (machine.found !== null) return;
    this.#validate("at the end");
    if (machine.found !== null) return;
    machine.callAfter(survivor, "rcu_barrier");
    machine.callAfter(survivor, "defer_free_barrier");
    this.#validate("once all is drained");
    this.#census();
    if (machine.found === null) this.#useAgain();
  }

  /** The CPU of every task that died is free. */
  #areReaped(): void {
    this.#view.refresh();
    for (const { cpu, id } of this.#losses.dead) {
      const state = this.#stateOf(cpu);
      if (state === CPU_FREE) continue;
      this.#machine.report("reap", `the task of CPU ${cpu} died, and ${whyNotFree(state, id)}`, id);
    }
  }

  #stateOf(cpu: number): number {
    const { cpu_areas, cpu_area_size } = this.#view.header();
    const { state } = this.#view.table.offsets.cpu_area;
    return this.#view.u32(cpu_areas + cpu * cpu_area_size + state);
  }

  /** Its number is given out again: it allocates and frees like any other. */
  #useAgain(): void {
    const machine = this.#machine;
    for (const { id, cpu } of this.#losses.dead) {
      const attached = machine.callAfter(id, "cpu_attach", this.#view.base, cpu, LOCK_WAIT);
      const object = machine.callAfter(id, "kmalloc", 64, 0) >>> 0;
      machine.callAfter(id, "kfree", object);
      machine.callAfter(id, "cpu_offline");
      if (attached < 0) machine.report("reap", `CPU ${cpu} could not be attached again`, id);
    }
    if (this.#losses.dead.length > 0) this.#validate("once the CPU was used again");
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
    const lost = [...inUse].filter((object) => !this.#internal.has(object));
    for (const object of this.#losses.unexplained(lost)) {
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
    // The memory of sheaves is nobody's, too.
    const sheaves = [...view.caches()].flatMap((cache) => sheavesOf(view, cache));
    const own = new Set(sheaves.map(({ address }) => address));
    // What waits for a grace period is not free: after a barrier nothing does.
    const free = sheaves.filter((sheaf) => !waitsForReaders(sheaf));
    for (const sheaf of free) for (const object of sheafObjects(view, sheaf)) own.add(object);
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
          if (!free.has(object) && !own.has(object)) objects.add(object);
        }
      }
    }
    return objects;
  }
}

const LOCK_WAIT = 2;

/** Why the CPU of a dead task is not free, by what the memory says of it, and what to try. */
function whyNotFree(state: number, task: number): string {
  const reaper = state >>> CPU_REAPER_SHIFT;
  if ((state & CPU_REAPING) === 0 || reaper === 0) return `nobody reaped it; try a step D${task}`;
  return (
    `whoever reaped it, as CPU ${reaper - 1}, did not come to the end; ` +
    `try to say so (G where that is the same CPU, else D) when all others are over, and D${task}`
  );
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
