/**
 * The verdicts on a heap: at rest in the middle of a load, and when everything was given back.
 */
import { readSlabinfo } from "../../heap/slabinfo.js";
import { readStats } from "../../heap/stats.js";
import type { StatItem } from "../../heap/stat-items.js";
import { destroyCaches } from "./reentry-caches.js";
import { describeFindings } from "../verify/finding.js";
import type { FuzzCpu } from "./reentry-cpu.js";
import { freeAt } from "../operations/vocabulary.js";
import { removeGroup } from "./reentry-group.js";
import type { FuzzSetup } from "./reentry-setup.js";
import { giveBack } from "../verify/give-back.js";
import type { Stage } from "./reentry-stage.js";

/** Every law of a heap at rest. Context: every CPU is outside its calls. */
export function validateStage(stage: Stage, cpu: FuzzCpu): void {
  cpu.tally.validations++;
  const message = describeFindings(stage.heap.validate());
  if (message !== null) cpu.report("validate", message);
}

/** Free all that this CPU owns, re-entered as before. */
export function freeAll(cpu: FuzzCpu): void {
  cpu.target = 0;
  while (cpu.objects.count > 0) cpu.run(freeLast);
}

function freeLast(cpu: FuzzCpu): void {
  freeAt(cpu, cpu.objects.count - 1);
}

/** Free what is deferred anywhere. */
export function drainAll(cpu: FuzzCpu): void {
  cpu.stopReentry();
  cpu.exports.defer_free_barrier();
}

/**
 * Show that nothing is left: no slab in any cache, and counters that add up. Context: the last CPU
 * of the heap, everything freed and drained, the others offline.
 */
export function finish(stage: Stage, cpu: FuzzCpu, setup: FuzzSetup): void {
  drainAll(cpu);
  if (setup.memcg) removeGroup(stage, cpu);
  stage.view.refresh();
  giveBack(cpu.exports, stage.view);
  // What a shrink frees may have been deferred by a missed lock: nobody else is here to miss one.
  for (const { name, num_slabs } of readSlabinfo(stage.view)) {
    if (num_slabs === 0) continue;
    cpu.report("leak", `expected no slab in ${name} after everything was freed, got ${num_slabs}`);
  }
  checkCounters(stage, cpu);
  destroyCaches(cpu);
  cpu.exports.cpu_offline();
  validateStage(stage, cpu);
}

function checkCounters(stage: Stage, cpu: FuzzCpu): void {
  const stats = readStats(stage.view);
  const sum = (item: StatItem) =>
    Object.values(stats)
      .flatMap((counters) => counters[item] ?? [])
      .reduce((all, count) => all + count, 0);
  balance(cpu, "slabs that came and slabs that went", sum("ALLOC_SLAB"), sum("FREE_SLAB"));
  const waited = sum("DEFER_ADD") + sum("DEFER_REQUEUE");
  balance(cpu, "objects deferred, again included, and drained", waited, sum("DEFER_DRAINED"));
  cpu.tally.busyFirst += sum("NOLOCK_BUSY_FIRST");
  cpu.tally.busySecond += sum("NOLOCK_BUSY_SECOND");
}

function balance(cpu: FuzzCpu, what: string, one: number, other: number): void {
  if (one !== other) cpu.report("counters", `expected as many ${what}, got ${one} and ${other}`);
}
