/**
 * In a scenario that says `enough`: what is free suffices at any time, so that no ordinary
 * allocation may return 0, and nobody may grow the memory.
 */
import type { Fibre } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import type { Operation } from "../core/program.js";
import { Watcher } from "../core/watcher.js";

export class EnoughJudge extends Watcher {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    super();
    this.#machine = machine;
  }

  override grows(fibre: Fibre): void {
    this.#machine.report("result", "grows the memory, although enough of it is free", fibre.id);
  }

  override endOperation(fibre: Fibre, operation: Operation, result: number): void {
    // What a handler calls is a nolock call, which may return 0 for a lock that it missed.
    if (operation.nolock || operation.role !== "alloc" || fibre.depth > 0 || result !== 0) return;
    const message = `${operation.call}() returns 0, although enough memory is free`;
    this.#machine.report("result", message, fibre.id);
  }
}
