/** Each fibre in turn, `quantum` accesses at a time: one schedule, the same for ever. */
import { type Choice, type Policy, STEP, type Situation, actionOf, fibreOf } from "./policy.js";

export class RoundRobin implements Policy {
  readonly name = "round-robin";
  readonly asksAlways = true;
  readonly #quantum: number;
  #used = 0;

  constructor(quantum = 1) {
    this.#quantum = quantum;
  }

  begin(): void {
    this.#used = 0;
  }

  choose({ options, optionCount, current }: Situation): Choice {
    const first = options[0] as number;
    if (fibreOf(first) === current && this.#used < this.#quantum) {
      this.#used++;
      return first;
    }
    this.#used = 1;
    // The next higher number that can run, else the lowest.
    let next = -1;
    let lowest = first;
    for (let at = 0; at < optionCount; at++) {
      const code = options[at] as number;
      if (actionOf(code) !== STEP) continue;
      const fibre = fibreOf(code);
      if (fibre < fibreOf(lowest)) lowest = code;
      if (fibre > current && (next < 0 || fibre < fibreOf(next))) next = code;
    }
    return next < 0 ? lowest : next;
  }

  end(): boolean {
    return false;
  }
}
