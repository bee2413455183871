/**
 * The operations of programs: what each takes out of slots, is called with, and puts into them.
 */
import type { Fibre } from "./fibre.js";
import { type Operation, SLOTS_MAX } from "./program.js";
import type { Shared } from "./shared.js";

/** The part of the machine that this needs. */
type Surroundings = Pick<Shared, "words" | "undo" | "watchers">;

export class Operations {
  readonly slots: Int32Array;
  readonly #slotsAtStart: Int32Array;
  readonly #machine: Surroundings;

  /** @param machine whose watchers are told */
  constructor(machine: Surroundings, fibres: number) {
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
      if (operation.role !== "free" && operation.role !== "realloc") return;
      if (operation.count > 1 ? this.#takeMany(fibre, operation) : this.#takeOne(fibre, operation))
        return;
    }
  }

  /** @returns false if there was nothing in the slot */
  #takeOne(fibre: Fibre, operation: Operation): boolean {
    const slot = slotOf(operation);
    const object = this.slots[slot] as number;
    fibre.frame.object = object;
    if (object === 0) return false;
    this.slots[slot] = 0;
    for (const watcher of this.#machine.watchers) {
      watcher.takes(fibre, slot, object >>> 0, operation);
    }
    return true;
  }

  /** For a bulk free: what is in its slots goes into its array. @returns false if they are empty */
  #takeMany(fibre: Fibre, operation: Operation): boolean {
    const { words, undo, watchers } = this.#machine;
    let taken = 0;
    for (let at = 0; at < operation.count; at++) {
      const [slot, word] = [operation.into + at, (operation.array >>> 2) + at];
      const object = this.slots[slot] as number;
      this.slots[slot] = 0;
      undo.log(word);
      words[word] = object;
      if (object === 0) continue;
      taken++;
      for (const watcher of watchers) watcher.takes(fibre, slot, object >>> 0, operation);
    }
    return taken > 0;
  }

  /** Argument `index` of the operation that a fibre is at. */
  argument(fibre: Fibre, index: number): number {
    const { frame } = fibre;
    const operation = frame.operations[frame.at];
    const argument = operation?.args[index];
    if (typeof argument === "number" || argument === undefined) return argument ?? 0;
    const isTaken = operation?.role === "free" || operation?.role === "realloc";
    if (isTaken && operation.object === index) return frame.object;
    return this.slots[argument.slot] as number;
  }

  /**
   * Puts the result into its slot, and what was refused back. Watchers learn of the end first: what
   * the user wrote into the object comes before it is handed on.
   */
  end(fibre: Fibre, result: number): void {
    const { frame } = fibre;
    const operation = frame.operations[frame.at] as Operation;
    const { watchers } = this.#machine;
    const isRefused = this.#fill(fibre, operation, result);
    if (isRefused) {
      for (const watcher of watchers) {
        watcher.returns(fibre, slotOf(operation), frame.object >>> 0);
      }
    }
    for (const watcher of watchers) watcher.endOperation(fibre, operation, result, frame.steps);
    if (!isRefused) this.#tellPuts(fibre, operation, result);
    frame.at++;
    fibre.diesAnew = true;
  }

  /** @returns true if the call did not want its object, which is in its slot again */
  #fill({ frame }: Fibre, operation: Operation, result: number): boolean {
    const { refusal, into, count, array, role } = operation;
    if (refusal !== null && (result === 0) === (refusal === "zero")) {
      this.slots[slotOf(operation)] = frame.object;
      return true;
    }
    if (count > 1) {
      for (let at = 0; at < count && role === "alloc" && result !== 0; at++) {
        this.slots[into + at] = this.#machine.words[(array >>> 2) + at] as number;
      }
    } else if (into >= 0) this.slots[into] = result;
    return false;
  }

  #tellPuts(fibre: Fibre, { into, count, role }: Operation, result: number): void {
    if (into < 0 || (count > 1 && (role !== "alloc" || result === 0))) return;
    for (const watcher of this.#machine.watchers) {
      for (let at = 0; at < count; at++) watcher.puts(fibre, into + at);
    }
  }
}

/** The slot that a free takes its object from. */
function slotOf({ args, object }: Operation): number {
  const slot = args[object];
  if (typeof slot !== "object") throw new TypeError("expected a free of what is in a slot");
  return slot.slot;
}
