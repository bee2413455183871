/** The verdicts on a heap: at rest in the middle of a stress, and when all was given back. */
import { describeFindings } from "../verify/finding.js";
import { findHeap } from "../../heap/find.js";
import { readFieldTable } from "../../heap/fields.js";
import type { Heap } from "../../heap/heap.js";
import { PG_LARGE } from "../../heap/constants.js";
import type { StatItem } from "../../heap/stat-items.js";
import { HeapView } from "../../heap/view.js";
import { GROUP, type StressCpu } from "./stress-cpu.js";
import { giveBack } from "../verify/give-back.js";
import { freeAt } from "../operations/vocabulary.js";

/** Every law of a heap at rest. Context: every CPU is outside its calls. */
export function validateHeap(cpu: StressCpu): void {
  cpu.count("validations");
  const message = describeFindings(cpu.heap.validate());
  if (message !== null) cpu.report("validate", message);
}

/** Free all that this CPU owns. */
export function freeAll(cpu: StressCpu): void {
  while (cpu.objects.count > 0) {
    cpu.run("kfree", 0, () => freeAt(cpu, cpu.objects.count - 1));
  }
}

/** Free what other CPUs could read until now. Context: they do not any more. */
export function unpublish(cpu: StressCpu): void {
  for (const { address, size, kind, id } of cpu.published.takeAll()) {
    cpu.objects.adopt(address, size, kind, id);
  }
}

/**
 * Show that nothing is left: no slab, no large allocation, no charge, and counters that add up.
 * Context: the last CPU of the heap, everything freed, the others offline.
 */
export function finish(cpu: StressCpu): void {
  cpu.cpu.exports.defer_free_barrier();
  cpu.cpu.rcuBarrier();
  const wrong = cpu.caches.destroyAll(cpu.cpu);
  if (wrong !== null) cpu.report("leak", wrong);
  checkGroup(cpu);
  const view = viewOf(cpu);
  giveBack(cpu.cpu.exports, view);
  for (const { name, num_slabs } of cpu.heap.slabinfo()) {
    if (num_slabs === 0) continue;
    cpu.report("leak", `expected no slab in ${name} after everything was freed, got ${num_slabs}`);
  }
  checkLarge(cpu, view);
  checkCounters(cpu);
  cpu.leave();
  validateHeap(cpu);
}

export function viewOf({ heap }: { readonly heap: Heap }): HeapView {
  const { memory, module } = heap.handle;
  const table = readFieldTable(module);
  const found = findHeap(memory.buffer, table);
  if (found.state !== "ready") throw new Error("expected the heap of the stress, got none");
  const view = new HeapView(memory, table, found.base);
  view.refresh();
  return view;
}

function checkGroup(cpu: StressCpu): void {
  const group = cpu.cpu.memcgOpen(GROUP);
  const { objectBytes } = group.stat();
  if (objectBytes !== 0) {
    const expected = "expected 0 bytes charged after everything was freed";
    cpu.report("charges", `${expected}, got ${objectBytes}`);
    return;
  }
  cpu.switchGroup(false);
  group.remove();
}

/** Large allocations: pages that begin one. */
export function countLarge(view: HeapView): number {
  view.refresh();
  let count = 0;
  for (let pfn = view.header().first_pfn; pfn < view.endPfn; pfn++) {
    if (view.kind(pfn) === PG_LARGE) count++;
  }
  return count;
}

function checkLarge(cpu: StressCpu, view: HeapView): void {
  const pages = countLarge(view);
  if (pages === 0) return;
  cpu.report("leak", `expected no large allocation after everything was freed, got ${pages}`);
}

function checkCounters(cpu: StressCpu): void {
  const stats = cpu.heap.stats();
  const sum = (item: StatItem) =>
    Object.values(stats)
      .flatMap((counters) => counters[item] ?? [])
      .reduce((all, count) => all + count, 0);
  balance(cpu, "slabs that came and slabs that went", sum("ALLOC_SLAB"), sum("FREE_SLAB"));
  // Deferred and drained do not compare here: a list that holds objects of several caches is
  // accounted to one of them, which may be destroyed by now, and its counters with it.
  cpu.count("busyFirst", sum("NOLOCK_BUSY_FIRST"));
  cpu.count("busySecond", sum("NOLOCK_BUSY_SECOND"));
}

function balance(cpu: StressCpu, what: string, one: number, other: number): void {
  if (one !== other) cpu.report("counters", `expected as many ${what}, got ${one} and ${other}`);
}
