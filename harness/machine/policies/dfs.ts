/**
 * Depth-first over all choices: after each schedule, the deepest choice that has an alternative
 * takes it. Complete for what the machine offers (its bounds on preemptions and handlers).
 *
 * Sleep sets (Godefroid): having explored step `a` at a node, its sibling `b` need not be followed
 * by `a` again as long as the two commute. Sound without a bound on preemptions only, so that is
 * the only place where they are used.
 */
import { type Choice, type Policy, PRUNE, type Situation, actionOf, fibreOf } from "./policy.js";

const INITIAL_DEPTH = 1024;
/** Actions that a sleep set tells apart. */
const ACTIONS = 2;
/** Fibres whose choices fit the bits of a sleep set. */
export const SLEEP_FIBRES_MAX = 15;

export class DepthFirst implements Policy {
  readonly name = "dfs";
  readonly asksAlways: boolean;
  readonly #sleeps: boolean;
  #chosen = new Int32Array(INITIAL_DEPTH);
  #counts = new Int32Array(INITIAL_DEPTH);
  /** Sleep sets: at the node, and the choices that were explored before the chosen one. */
  #asleep = new Int32Array(INITIAL_DEPTH);
  #explored = new Int32Array(INITIAL_DEPTH);
  #depth = 0;
  #known = 0;
  #sleep = 0;

  constructor({ sleepSets = false }: { readonly sleepSets?: boolean } = {}) {
    this.#sleeps = sleepSets;
    this.asksAlways = sleepSets;
  }

  begin(): void {
    this.#depth = 0;
    this.#sleep = 0;
  }

  choose(situation: Situation): Choice {
    const depth = this.#depth++;
    if (depth === this.#chosen.length) this.#grow();
    const { options, optionCount } = situation;
    if (!this.#sleeps) {
      if (depth < this.#known) return options[this.#chosen[depth] as number] as number;
      this.#known = depth + 1;
      this.#chosen[depth] = 0;
      this.#counts[depth] = optionCount;
      return options[0] as number;
    }
    if (depth === 0) checkFibres(options, optionCount);
    if (depth >= this.#known) {
      this.#known = depth + 1;
      this.#chosen[depth] = -1;
      this.#counts[depth] = optionCount;
      this.#asleep[depth] = this.#sleep;
      this.#explored[depth] = 0;
      if (!this.#advance(depth, options)) return PRUNE;
    } else if (this.#chosen[depth] === -2) {
      // The schedule before ended by taking the next alternative here.
      const taken = this.#explored[depth] as number;
      this.#chosen[depth] = lastOf(taken, options, optionCount);
      if (!this.#advance(depth, options)) return PRUNE;
    }
    const code = options[this.#chosen[depth] as number] as number;
    this.#sleep = this.#after(code, depth, situation);
    return code;
  }

  /** Move to the next option that is not asleep. */
  #advance(depth: number, options: Int32Array): boolean {
    const count = this.#counts[depth] as number;
    for (let next = (this.#chosen[depth] as number) + 1; next < count; next++) {
      const bit = bitOf(options[next] as number);
      if (((this.#asleep[depth] as number) & bit) !== 0) continue;
      this.#chosen[depth] = next;
      this.#explored[depth] = (this.#explored[depth] as number) | bit;
      return true;
    }
    this.#chosen[depth] = count;
    return false;
  }

  /** What sleeps after `code`: everything that slept or was explored and commutes with it. */
  #after(code: Choice, depth: number, situation: Situation): number {
    const own = bitOf(code);
    let rest = ((this.#asleep[depth] as number) | (this.#explored[depth] as number)) & ~own;
    let sleep = 0;
    for (let bit = 0; rest !== 0; bit++, rest >>>= 1) {
      if ((rest & 1) === 0) continue;
      const other = (bit / ACTIONS) | ((bit % ACTIONS) << 8);
      if (situation.independent(other, code)) sleep |= 1 << bit;
    }
    return sleep;
  }

  end(): boolean {
    for (let depth = this.#known - 1; depth >= 0; depth--) {
      const next = (this.#chosen[depth] as number) + 1;
      if (next < (this.#counts[depth] as number)) {
        // With sleep sets, which one is next is known when the options are.
        this.#chosen[depth] = this.#sleeps ? -2 : next;
        this.#known = depth + 1;
        return true;
      }
    }
    return false;
  }

  #grow(): void {
    const bigger = (from: Int32Array<ArrayBuffer>) => {
      const to = new Int32Array(from.length * 2);
      to.set(from);
      return to;
    };
    this.#chosen = bigger(this.#chosen);
    this.#counts = bigger(this.#counts);
    this.#asleep = bigger(this.#asleep);
    this.#explored = bigger(this.#explored);
  }
}

function bitOf(code: Choice): number {
  return 1 << (fibreOf(code) * ACTIONS + actionOf(code));
}

/** Place of the last explored option. */
function lastOf(explored: number, options: Int32Array, count: number): number {
  for (let at = count - 1; at >= 0; at--) {
    if ((explored & bitOf(options[at] as number)) !== 0) return at;
  }
  return -1;
}

/** All fibres can begin at the root. @throws RangeError if one has no bit in a sleep set */
function checkFibres(options: ArrayLike<number>, count: number): void {
  for (let index = 0; index < count; index++) {
    const fibre = fibreOf(options[index] as number);
    if (fibre < SLEEP_FIBRES_MAX) continue;
    throw new RangeError(
      `sleep sets: expected at most ${SLEEP_FIBRES_MAX} fibres, got more; try without sleep sets`,
    );
  }
}
