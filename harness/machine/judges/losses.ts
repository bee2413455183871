/**
 * What the death of a task may cost: nothing but what it had in its hands.
 *
 * Known without looking at the memory: the object that an interrupted free was given, and one
 * object for each interrupted allocation, whose result nobody ever saw; in every frame, also below
 * a handler. Objects that a task owned stay what they were: nobody may free them for it.
 *
 * The allocator must be allowed two more things, counted by the function that the task died in. The
 * object that a drain was about to free for others: one for each drain it was in the middle of
 * (CpuArea.drains). And all of a list between the exchange that took it and the store that
 * notes it (WINDOWS): it is nowhere for one access.
 */
import type { Site } from "../instrument/sites.js";
import { DEPTH_MAX, type Fibre, type Frame } from "../core/fibre.js";
import type { Operation } from "../core/program.js";
import { Watcher } from "../core/watcher.js";

const TAKES = /\/llist\/llist_del_all$/;
/** Functions where a list is nowhere between an exchange and the store that follows. */
const WINDOWS: readonly RegExp[] = [
  /\/drain\/drain_objects$/,
  /\/reap\/deferred\/free_deferred_of$/,
];

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
  readonly #sites: readonly Site[];
  readonly #drainsOf: (cpu: number) => number;
  /** Tasks that died in this schedule, in order. */
  readonly dead: Fibre[] = [];
  /** What interrupted frees were given. */
  readonly #arguments = new Set<number>();
  /** What a bulk free in progress was given, which clears its array as it goes. */
  readonly #given = new Map<number, number[]>();
  /** Allocations that were interrupted. */
  #results = 0;
  /** The function that a task died in, for each drain it was in the middle of. */
  readonly #allowed: string[] = [];
  /** The window in which a task died, or "": any number may be lost. */
  #window = "";
  readonly counts: LossCounts = { argument: 0, result: 0, allowance: 0, functions: {} };
  /** Deaths in all schedules. */
  deaths = 0;

  /** @param drainsOf drains that a CPU is in the middle of, as the memory says */
  constructor(sites: readonly Site[], drainsOf: (cpu: number) => number) {
    super();
    this.#sites = sites;
    this.#drainsOf = drainsOf;
  }

  override begin(): void {
    this.dead.length = 0;
    this.#arguments.clear();
    this.#given.clear();
    this.#results = 0;
    this.#allowed.length = 0;
    this.#window = "";
  }

  override takes({ id, depth }: Fibre, _slot: number, object: number, { count }: Operation): void {
    if (count === 1) return;
    const key = keyOf(id, depth);
    const given = this.#given.get(key);
    if (given === undefined) this.#given.set(key, [object]);
    else given.push(object);
  }

  override endOperation({ id, depth }: Fibre): void {
    this.#given.delete(keyOf(id, depth));
  }

  override dies(fibre: Fibre): void {
    this.deaths++;
    this.dead.push(fibre);
    for (let depth = 0; depth <= fibre.depth; depth++) {
      const frame = fibre.frames[depth];
      const operation = frame?.operations[frame.at];
      if (frame === undefined || operation === undefined) continue;
      const { role, count } = operation;
      if (role === "free" || role === "realloc") this.#arguments.add(frame.object >>> 0);
      for (const object of this.#given.get(keyOf(fibre.id, depth)) ?? []) {
        this.#arguments.add(object);
      }
      if (role === "alloc" || role === "realloc") this.#results += count;
      this.#window ||= this.#windowAt(frame);
    }
    const name = this.#sites[fibre.site]?.function ?? "";
    for (let left = this.#drainsOf(fibre.cpu); left > 0; left--) this.#allowed.push(name);
  }

  /** The function, if a list is nowhere at this moment, or "". */
  #windowAt({ last, stands }: Frame): string {
    const [before, next] = [this.#sites[last], this.#sites[stands]];
    if (before?.kind !== "rmw" || next?.kind !== "store") return "";
    const { function: name } = next;
    const isTaken = before.function === name || TAKES.test(before.function);
    return isTaken && WINDOWS.some((each) => each.test(name)) ? name : "";
  }

  /** What distinguishes schedules that leave the same memory. */
  hash(): number {
    let sum = this.#results * 7 + this.#allowed.length * 131 + this.#window.length * 524287;
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
    const allowed = [...this.#allowed];
    const left: number[] = [];
    for (const object of lost) {
      if (this.#arguments.has(object)) this.counts.argument++;
      else if (resultsLeft-- > 0) this.counts.result++;
      else if (allowed.length > 0) this.#countAllowance(allowed.pop() as string);
      else if (this.#window !== "") this.#countAllowance(this.#window);
      else left.push(object);
    }
    return left;
  }

  #countAllowance(name: string): void {
    this.counts.allowance++;
    this.counts.functions[name] = (this.counts.functions[name] ?? 0) + 1;
  }
}

function keyOf(fibre: number, depth: number): number {
  return fibre * DEPTH_MAX + depth;
}
