/** Uniform: every choice is as likely as any other, at every access. Finds, proves nothing. */
import type { Random } from "./random-source.js";
import type { Choice, Policy, Situation } from "./policy.js";

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
    return options[this.#random.below(optionCount)] as number;
  }

  end(): boolean {
    this.#done++;
    return this.#done < this.#runs;
  }
}
