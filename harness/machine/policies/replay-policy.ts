/** Does what a schedule says: the default everywhere but at the decisions that it names. */
import type { Choice, Policy, Situation } from "./policy.js";

/** At decision number `at`, `code` instead of the default. */
export interface Deviation {
  readonly at: number;
  readonly code: Choice;
}

export class Replay implements Policy {
  readonly name = "replay";
  readonly asksAlways = true;
  readonly #deviations: ReadonlyMap<number, Choice>;
  /** Deviations that were not among the choices when their time came. */
  missed = 0;

  constructor(deviations: readonly Deviation[]) {
    this.#deviations = new Map(deviations.map(({ at, code }) => [at, code]));
  }

  begin(): void {
    this.missed = 0;
  }

  choose({ options, optionCount, decisions }: Situation): Choice {
    const wanted = this.#deviations.get(decisions);
    if (wanted === undefined) return options[0] as number;
    for (let at = 0; at < optionCount; at++) if (options[at] === wanted) return wanted;
    this.missed++;
    return options[0] as number;
  }

  end(): boolean {
    return false;
  }
}
