/**
 * What only its own CPU writes, without any lock: its context, and its counters, which grow.
 *
 * A counter is a load and a store. An NMI between them counts for nothing, as in the kernel where
 * raw_cpu_inc() is no single instruction; so counters are judged only on tasks that get no NMI.
 */
import { PREEMPT_COUNT, STAT } from "./heap-words.js";
import { FieldJudge, type Touch } from "./field-watch.js";
import { worksOnOthers } from "./others.js";

export class OwnWordJudge extends FieldJudge {
  readonly watches = [PREEMPT_COUNT, STAT];

  override touches(touch: Touch): void {
    const cpu = this.heap.cpuOf(touch.base);
    if (!touch.writes || cpu === touch.cpu || worksOnOthers(touch.fibre)) return;
    const what = touch.what === STAT ? "a counter" : "the context";
    this.report("own", `writes ${what} of cpu ${cpu}`, touch);
  }

  override wrote(touch: Touch): void {
    const { what, fibre, before, beforeHigh, after, afterHigh } = touch;
    if (what !== STAT || (fibre.task?.handler.length ?? 0) > 0) return;
    const [from, to] = [before + beforeHigh * 2 ** 32, after + afterHigh * 2 ** 32];
    if (to <= from) this.report("own", `a counter goes from ${from} to ${to}`, touch);
  }
}
