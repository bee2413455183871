/**
 * PCT (Burckhardt et al., 2010): random priorities, and d-1 points at which the running fibre's
 * drops below all others. A bug of depth d shows in one schedule with probability at least
 * 1 / (n * k^(d-1)), for n fibres and k steps.
 *
 * k is learned: the longest schedule so far. Handlers come at d-1 random steps too, so that an NMI
 * is as likely at one access as at any other; and so do deaths.
 */
import {
  type Choice,
  INTERRUPT,
  DIE,
  type Policy,
  STEP,
  type Situation,
  actionOf,
} from "./policy.js";
import { fibreOf } from "./policy.js";
import type { Random } from "./random-source.js";

export interface PctOptions {
  readonly depth: number;
  readonly runs: number;
  readonly fibres: number;
  /** Steps of a schedule, before any was seen. @default 1 */
  readonly steps?: number;
}

export class Pct implements Policy {
  readonly name = "pct";
  readonly asksAlways = true;
  readonly #random: Random;
  readonly #options: PctOptions;
  readonly #priority: Int32Array;
  readonly #changeAt: Int32Array;
  readonly #interruptAt: Int32Array;
  readonly #dieAt: Int32Array;
  #steps: number;
  #step = 0;
  #done = 0;

  constructor(random: Random, options: PctOptions) {
    this.#random = random;
    this.#options = options;
    this.#priority = new Int32Array(options.fibres);
    this.#changeAt = new Int32Array(options.depth - 1);
    this.#interruptAt = new Int32Array(Math.max(1, options.depth - 1));
    this.#dieAt = new Int32Array(this.#interruptAt.length);
    this.#steps = options.steps ?? 1;
  }

  /** The longest schedule so far, in steps. */
  get steps(): number {
    return this.#steps;
  }

  /** How likely one schedule is to miss a bug of this depth, at most. */
  missProbability(schedules: number): number {
    const { fibres, depth } = this.#options;
    const hit = 1 / (fibres * this.#steps ** (depth - 1));
    return (1 - hit) ** schedules;
  }

  begin(): void {
    const { depth, fibres } = this.#options;
    this.#step = 0;
    // Priorities above `depth` in random order; the change points hand out those below.
    const order = Array.from({ length: fibres }, (_, fibre) => fibre);
    for (let left = fibres; left > 0; left--) {
      const [fibre = 0] = order.splice(this.#random.below(left), 1);
      this.#priority[fibre] = depth + left;
    }
    for (let at = 0; at < depth - 1; at++) this.#changeAt[at] = this.#random.below(this.#steps);
    for (let at = 0; at < this.#interruptAt.length; at++) {
      this.#interruptAt[at] = this.#random.below(this.#steps);
      this.#dieAt[at] = this.#random.below(this.#steps);
    }
  }

  choose(situation: Situation): Choice {
    const step = this.#step++;
    let best = this.#best(situation, STEP);
    for (let at = 0; at < this.#changeAt.length; at++) {
      if (this.#changeAt[at] !== step) continue;
      this.#priority[fibreOf(best)] = at + 1;
      best = this.#best(situation, STEP);
    }
    const dying = this.#dieAt.includes(step) ? this.#best(situation, DIE) : -1;
    if (dying >= 0) return dying;
    const interrupt = this.#interruptAt.includes(step) ? this.#best(situation, INTERRUPT) : -1;
    return interrupt < 0 ? best : interrupt;
  }

  #best({ options, optionCount }: Situation, action: number): Choice {
    let best = -1;
    let priority = -1;
    for (let at = 0; at < optionCount; at++) {
      const code = options[at] as number;
      if (actionOf(code) !== action) continue;
      const its = this.#priority[fibreOf(code)] as number;
      if (its <= priority) continue;
      best = code;
      priority = its;
    }
    return best;
  }

  end(): boolean {
    this.#steps = Math.max(this.#steps, this.#step);
    this.#done++;
    return this.#done < this.#options.runs;
  }
}
