/** For tests: something is broken behind a stress's back, to see it found. */
import type { StressCpu } from "./stress-cpu.js";

/**
 * stamp        a write to an object that a CPU owns
 * leak         an object that nobody knows of
 * double-free  a free of an object that its owner goes on using
 */
export type Sabotage = "stamp" | "leak" | "double-free";

/** Nothing is broken before the heap is in use. */
const FIRST_OPERATION = 500;

export class Saboteur {
  readonly #sabotage: Sabotage;
  #isDone = false;

  constructor(sabotage: Sabotage) {
    this.#sabotage = sabotage;
  }

  /** Do it once, when it can be done: under memory pressure a CPU may own nothing for a while. */
  plant(cpu: StressCpu): void {
    if (this.#isDone || cpu.operations < FIRST_OPERATION) return;
    if (this.#sabotage === "leak") {
      this.#isDone = cpu.cpu.kmalloc(64) !== 0;
      return;
    }
    const { objects } = cpu;
    if (objects.count === 0) return;
    this.#isDone = true;
    const { [0]: address = 0 } = objects.address;
    if (this.#sabotage === "double-free") cpu.cpu.kfree(address);
    else objects.setWord(address, objects.word(address) ^ 1);
  }
}
