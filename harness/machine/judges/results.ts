/** What a call must return, whatever happens beside it. */
import type { Fibre } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import type { Operation } from "../core/program.js";
import { Watcher } from "../core/watcher.js";

export class ResultJudge extends Watcher {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    super();
    this.#machine = machine;
  }

  override endOperation(fibre: Fibre, { call, mustReturn }: Operation, result: number): void {
    if (mustReturn === null || result === mustReturn) return;
    const message = `${call} must return ${mustReturn}, and returned ${result}`;
    this.#machine.report("result", message, fibre.id);
  }
}
