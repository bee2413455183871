/**
 * What the death of a task may cost: nothing but what it had in its hands.
 *
 * Known without looking at the memory: the object that an interrupted free was given, and one
 * object for each interrupted allocation, whose result nobody ever saw; in every frame, also below
 * a handler. Objects that a task owned stay what they were: nobody may free them for it.
 *
 * What the allocator must be allowed beyond that is listed by function in ALLOWANCES, and counted.
 */
import type { Site } from "../instrument/sites.js";
import type { Fibre } from "../core/fibre.js";
import { Watcher } from "../core/watcher.js";

/** A place where more may be lost: the access that was made last, by the function it is in. */
export interface Allowance {
  readonly after: RegExp;
  readonly kind: Site["kind"];
  readonly because: string;
}

export const ALLOWANCES: readonly Allowance[] = [];

/**
 * Objects lost in the ends that were judged, by why they may be: given to an interrupted free, had
 * by an interrupted allocation, or covered by an allowance, which is counted by function too.
 */
export interface LossCounts {
  argument: number;
  result: number;
  allowance: number;
  readonly functions: Record<string, number>;
}

export class Losses extends Watcher {
  readonly #words: Int32Array;
  readonly #sites: readonly Site[];
  readonly #allowances: readonly Allowance[];
  /** Tasks that died in this schedule, in order. */
  readonly dead: Fibre[] = [];
  /** What interrupted frees were given. */
  readonly #arguments = new Set<number>();
  /** Allocations that were interrupted. */
  #results = 0;
  /** Functions in which an allowance covers what was lost. */
  readonly #allowed: string[] = [];
  readonly counts: LossCounts = { argument: 0, result: 0, allowance: 0, functions: {} };
  /** Deaths in all schedules. */
  deaths = 0;

  constructor(
    { words }: { readonly words: Int32Array },
    sites: readonly Site[],
    allowances: readonly Allowance[] = ALLOWANCES,
  ) {
    super();
    this.#words = words;
    this.#sites = sites;
    this.#allowances = allowances;
  }

  override begin(): void {
    this.dead.length = 0;
    this.#arguments.clear();
    this.#results = 0;
    this.#allowed.length = 0;
  }

  override dies(fibre: Fibre): void {
    this.deaths++;
    this.dead.push(fibre);
    for (let depth = 0; depth <= fibre.depth; depth++) {
      const frame = fibre.frames[depth];
      const operation = frame?.operations[frame.at];
      if (frame === undefined || operation === undefined) continue;
      const { role, count, array } = operation;
      if (role === "free" || role === "realloc") this.#arguments.add(frame.object >>> 0);
      for (let index = 0; role === "free" && count > 1 && index < count; index++) {
        this.#arguments.add((this.#words[(array >>> 2) + index] as number) >>> 0);
      }
      if (role === "alloc" || role === "realloc") this.#results += count;
      const site = this.#sites[frame.last];
      if (site !== undefined && this.#isAllowed(site)) this.#allowed.push(site.function);
    }
  }

  #isAllowed({ function: name, kind }: Site): boolean {
    return this.#allowances.some((each) => each.kind === kind && each.after.test(name));
  }

  /** What distinguishes schedules that leave the same memory. */
  hash(): number {
    let sum = this.#results * 7 + this.#allowed.length * 131;
    for (const { cpu } of this.dead) sum = (sum * 31 + cpu + 1) % 2 ** 31;
    for (const address of this.#arguments) sum += Math.imul(address, 0x85ebca6b) >>> 5;
    return sum;
  }

  /**
   * The objects among `lost` that nothing explains; the others are counted.
   *
   * @param lost objects that are in use, and nobody's
   */
  unexplained(lost: Iterable<number>): number[] {
    let resultsLeft = this.#results;
    const left: number[] = [];
    for (const object of lost) {
      if (this.#arguments.has(object)) this.counts.argument++;
      else if (resultsLeft-- > 0) this.counts.result++;
      else if (this.#allowed.length > 0) this.#countAllowance(this.#allowed[0] as string);
      else left.push(object);
    }
    return left;
  }

  #countAllowance(name: string): void {
    this.counts.allowance++;
    this.counts.functions[name] = (this.counts.functions[name] ?? 0) + 1;
  }
}
