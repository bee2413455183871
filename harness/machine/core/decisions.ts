/**
 * Decisions: what comes next, as the policy says, and what the answer does to the fibres before
 * anybody runs. A decision that is not the default is noted: that is what names a schedule.
 */
import { type Choice, INTERRUPT, DIE, MIGRATE, PRUNE, type Policy } from "../policies/policy.js";
import { actionOf, fibreOf, isMove } from "../policies/policy.js";
import type { Deviation } from "../policies/replay-policy.js";
import type { Bounds } from "./bounds.js";
import type { Chooser } from "./chooser.js";
import { DeviationLog } from "./deviation-log.js";
import type { Fibre } from "./fibre.js";
import type { Shared } from "./shared.js";

export class Decisions {
  readonly #machine: Shared;
  readonly #chooser: Chooser;
  readonly #thisCpu: Uint8Array;
  readonly #deviations = new DeviationLog();
  #policy: Policy | undefined;
  #timeouts = false;
  /** Addresses of the CPUs' areas: what `this_cpu` is on each. */
  areas: readonly number[] = [];

  constructor(machine: Shared, chooser: Chooser) {
    this.#machine = machine;
    this.#chooser = chooser;
    this.#thisCpu = machine.module.thisCpu;
  }

  /** A schedule begins. */
  begin(policy: Policy, { timeouts }: Bounds): void {
    this.#policy = policy;
    this.#timeouts = timeouts;
    this.#deviations.clear();
  }

  get deviations(): Deviation[] {
    return this.#deviations.toArray();
  }

  /** What comes next. @param id the fibre that asks, or -1 @returns PRUNE: nobody can go on */
  decide(id: number): Choice {
    const machine = this.#machine;
    if (machine.found !== null) return PRUNE;
    const chooser = this.#chooser;
    const policy = this.#policy as Policy;
    chooser.enumerate(id);
    while (chooser.optionCount === 0 && machine.passTime()) chooser.enumerate(id);
    const { options, optionCount } = chooser;
    if (optionCount === 0) {
      if (this.#timeouts && machine.timesOut()) return this.decide(id);
      machine.reportSleeper();
      return PRUNE;
    }
    const first = options[0] as number;
    const code = optionCount === 1 && !policy.asksAlways ? first : policy.choose(chooser);
    const at = chooser.decisions++;
    if (code === PRUNE) {
      machine.wasPruned = true;
      return PRUNE;
    }
    const fibre = machine.fibres[fibreOf(code)] as Fibre;
    if (code !== first) {
      this.#deviations.add(at, code);
      const { site } = machine.fibres[chooser.goesOn ? id : fibre.id] as Fibre;
      if (site >= 0) machine.injected[site] = 1;
    }
    if (isInjection(code) && fibre.site >= 0) machine.injected[fibre.site] = 1;
    const loser = chooser.take(code, id);
    if (loser >= 0) {
      const from = machine.fibres[loser] as Fibre;
      for (const watcher of machine.watchers) watcher.handsOver(from, fibre);
    }
    if (isMove(code)) this.#move(fibre, actionOf(code) - MIGRATE);
    return code;
  }

  /** The task goes on elsewhere: what it computed from its register before stays as it was. */
  #move(fibre: Fibre, cpu: number): void {
    const [from, to] = [this.areas[fibre.cpu] as number, this.areas[cpu] as number];
    fibre.cpu = cpu;
    fibre.register = to;
    // A this_cpu operation forms its address when it happens.
    if (this.#thisCpu[fibre.site] === 1) fibre.address += to - from;
  }
}

/** What happens to the fibre itself, right before its access. */
function isInjection(code: Choice): boolean {
  return actionOf(code) === INTERRUPT || actionOf(code) === DIE;
}
