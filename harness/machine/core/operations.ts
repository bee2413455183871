/**
 * The operations of programs: what each takes out of a slot, is called with, and puts into one.
 */
import type { Fibre } from "./fibre.js";
import { type Operation, SLOTS_MAX } from "./program.js";
import type { Watcher } from "./watcher.js";

export class Operations {
  readonly slots: Int32Array;
  readonly #slotsAtStart: Int32Array;
  readonly #machine: { readonly watchers: readonly Watcher[] };

  /** @param machine whose watchers are told */
  constructor(machine: { readonly watchers: readonly Watcher[] }, fibres: number) {
    this.#machine = machine;
    this.slots = new Int32Array(SLOTS_MAX * (fibres + 1));
    this.#slotsAtStart = new Int32Array(this.slots.length);
  }

  /** What the slots hold now is the start of every schedule. */
  settle(): void {
    this.#slotsAtStart.set(this.slots);
  }

  /** A schedule begins. */
  restart(): void {
    this.slots.set(this.#slotsAtStart);
  }

  /** Takes what is to be freed out of its slot; an operation that finds none is skipped. */
  begin(fibre: Fibre): void {
    const { frame } = fibre;
    for (; frame.at < frame.operations.length; frame.at++) {
      const operation = frame.operations[frame.at] as Operation;
      frame.steps = 0;
      frame.last = -1;
      fibre.diesAnew = true;
      if (operation.role === "free") {
        const slot = operation.args[operation.object];
        if (typeof slot !== "object") throw new TypeError("expected a free of what is in a slot");
        frame.object = this.slots[slot.slot] as number;
        if (frame.object === 0) continue;
        this.slots[slot.slot] = 0;
        const address = frame.object >>> 0;
        for (const watcher of this.#machine.watchers) watcher.takes(fibre, slot.slot, address);
      }
      return;
    }
  }

  /** Argument `index` of the operation that a fibre is at. */
  argument(fibre: Fibre, index: number): number {
    const { frame } = fibre;
    const operation = frame.operations[frame.at];
    const argument = operation?.args[index];
    if (typeof argument === "number" || argument === undefined) return argument ?? 0;
    if (operation?.role === "free" && operation.object === index) return frame.object;
    return this.slots[argument.slot] as number;
  }

  end(fibre: Fibre, result: number): void {
    const { frame } = fibre;
    const operation = frame.operations[frame.at] as Operation;
    const { watchers } = this.#machine;
    if (operation.into >= 0) this.slots[operation.into] = result;
    for (const watcher of watchers) watcher.endOperation(fibre, operation, result, frame.steps);
    // Only then: what the user wrote into the object comes before it is handed on.
    if (operation.into >= 0) {
      for (const watcher of watchers) watcher.puts(fibre, operation.into);
    }
    frame.at++;
    fibre.diesAnew = true;
  }
}
