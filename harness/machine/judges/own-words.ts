/**
 * What only its own CPU writes, without any lock: its context, and its counters, which grow.
 *
 * A counter is a load and a store. What an NMI or another task of the CPU counts between them is
 * lost, as in the kernel where raw_cpu_inc() is no single instruction; so counters are judged only
 * where nobody comes between: no NMI, and no task that shares the CPU, also by being moved to it.
 */
import type { Machine } from "../core/machine.js";
import { type HeapWords, PREEMPT_COUNT, STAT } from "./heap-words.js";
import { FieldJudge, type Touch } from "./field-watch.js";
import { worksOnOthers } from "./others.js";

export class OwnWordJudge extends FieldJudge {
  readonly watches = [PREEMPT_COUNT, STAT];
  readonly #losesCounts: boolean;

  /** @param losesCounts NMIs come, or tasks share CPUs */
  constructor(machine: Machine, heap: HeapWords, losesCounts: boolean) {
    super(machine, heap);
    this.#losesCounts = losesCounts;
  }

  override touches(touch: Touch): void {
    const cpu = this.heap.cpuOf(touch.base);
    if (!touch.writes || cpu === touch.cpu || worksOnOthers(touch.fibre)) return;
    const what = touch.what === STAT ? "a counter" : "the context";
    this.report("own", `writes ${what} of cpu ${cpu}`, touch);
  }

  override wrote(touch: Touch): void {
    const { what, before, beforeHigh, after, afterHigh } = touch;
    if (what !== STAT || this.#losesCounts) return;
    const [from, to] = [before + beforeHigh * 2 ** 32, after + afterHigh * 2 ** 32];
    if (to > from || this.wasMoved) return;
    this.report("own", `a counter goes from ${from} to ${to}`, touch);
  }
}
