/**
 * What nolock calls, irqs and NMIs must never do: wait, sleep, grow the memory; and what every
 * nolock call must do: come to its end within a bounded number of its own accesses, whoever stands
 * still.
 */
import { SITE_KINDS } from "../instrument/sites.js";
import type { Fibre } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import type { Operation } from "../core/program.js";
import { Watcher } from "../core/watcher.js";

const RELAX = SITE_KINDS.indexOf("relax");

export class NolockJudge extends Watcher {
  readonly #machine: Machine;
  readonly #limit: number;
  /** The most accesses that one nolock call ever made by itself. */
  longest = 0;

  readonly #freesMayWait: boolean;

  /**
   * @param limit accesses that no nolock call may need more of
   * @param freesMayWait the arm is the floor, whose frees are ordinary ones on purpose
   */
  constructor(machine: Machine, limit: number, freesMayWait = false) {
    super();
    this.#freesMayWait = freesMayWait;
    this.#machine = machine;
    this.#limit = limit;
  }

  override access(fibre: Fibre, _site: number, kind: number): void {
    if (kind === RELAX && this.#isNolock(fibre)) this.#refuse(fibre, "spins");
    if (fibre.frame.steps > this.#limit && this.#isNolock(fibre)) {
      this.#refuse(fibre, `makes more than ${this.#limit} accesses`);
    }
  }

  override sleeps(fibre: Fibre): void {
    if (this.#isNolock(fibre)) this.#refuse(fibre, "sleeps");
  }

  override grows(fibre: Fibre): void {
    if (this.#isNolock(fibre)) this.#refuse(fibre, "grows the memory");
  }

  override endOperation(_fibre: Fibre, operation: Operation, _result: number, steps: number): void {
    if (operation.nolock && steps > this.longest) this.longest = steps;
  }

  #refuse(fibre: Fibre, what: string): void {
    this.#machine.report("nolock", `a call that may not wait ${what}`, fibre.id);
  }

  /** In a handler, or in a nolock call of the task. */
  #isNolock(fibre: Fibre): boolean {
    const { frame, depth } = fibre;
    const operation = frame.operations[frame.at];
    if (this.#freesMayWait && operation?.role === "free") return false;
    return depth > 0 || operation?.nolock === true;
  }
}
