/**
 * Uniform: every choice is as likely as any other, at every access; but a death, which is offered
 * at every one and happens once. Finds, proves nothing.
 */
import type { Random } from "./random-source.js";
import { type Choice, DIE, type Policy, type Situation, actionOf } from "./policy.js";

/** Accesses between two deaths, on average. */
const LIFE = 64;

export class UniformRandom implements Policy {
  readonly name = "random";
  readonly asksAlways = false;
  readonly #random: Random;
  readonly #runs: number;
  #done = 0;

  constructor(random: Random, runs: number) {
    this.#random = random;
    this.#runs = runs;
  }

  begin(): void {}

  choose({ options, optionCount }: Situation): Choice {
    const code = options[this.#random.below(optionCount)] as number;
    if (actionOf(code) !== DIE || this.#random.below(LIFE) === 0) return code;
    return options[0] as number;
  }

  end(): boolean {
    this.#done++;
    return this.#done < this.#runs;
  }
}
