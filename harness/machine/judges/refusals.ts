/**
 * A nolock allocation returns NULL only for a reason: its CPU was inside the section of the cache,
 * a lock it tried was somebody's, pages were short, or the heap's options refuse it there.
 */
import type { Fibre } from "../core/fibre.js";
import { DEPTH_MAX } from "../core/fibre.js";
import type { Machine } from "../core/machine.js";
import type { Operation } from "../core/program.js";
import { FieldJudge, type Touch } from "./field-watch.js";
import { type HeapWords, LOCKS } from "./heap-words.js";

const LARGEST_BUCKET = 8192;

export class RefusalJudge extends FieldJudge {
  readonly watches = LOCKS;
  /** By fibre and depth: whether the call that runs met a lock that was held. */
  readonly #met: readonly Uint8Array[];
  readonly #mayRefuse: boolean;
  readonly #isShort: () => boolean;

  /**
   * @param mayRefuse the heap's options make it refuse wherever it likes
   * @param isShort whether pages, or what a group may charge, could be short
   */
  constructor(machine: Machine, heap: HeapWords, mayRefuse: boolean, isShort: () => boolean) {
    super(machine, heap);
    this.#met = machine.fibres.map(() => new Uint8Array(DEPTH_MAX + 1));
    this.#mayRefuse = mayRefuse;
    this.#isShort = isShort;
  }

  override begin(): void {
    for (const met of this.#met) met.fill(0);
  }

  override touches({ writes, before, fibre, depth }: Touch): void {
    if (!writes && before !== 0) this.#note(fibre, depth);
  }

  override missed({ fibre, depth }: Touch): void {
    this.#note(fibre, depth);
  }

  #note(fibre: Fibre, depth: number): void {
    (this.#met[fibre.id] as Uint8Array)[depth] = 1;
  }

  override endOperation(fibre: Fibre, operation: Operation, result: number): void {
    const met = this.#met[fibre.id] as Uint8Array;
    const hasReason = met[fibre.depth] === 1 || this.#mayRefuse;
    met[fibre.depth] = 0;
    if (hasReason || !operation.nolock || operation.role !== "alloc" || result !== 0) return;
    if (this.#isShort() || isTooLarge(operation)) return;
    this.reportAt("refusal", `${operation.call}() returns NULL for no reason`, fibre);
  }
}

/** kmalloc_nolock() serves buckets alone. */
function isTooLarge({ call, args: [size = 0] }: Operation): boolean {
  return call === "kmalloc_nolock" && typeof size === "number" && size > LARGEST_BUCKET;
}
