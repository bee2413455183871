/**
 * validate(): walks everything in a heap at rest and reports each broken law.
 *
 * It reads through the field table and shares no code with the allocator, so that a bug there
 * cannot hide itself here; it works on copies of a memory; it never throws, traps or writes
 * (docs/decisions/001-checkers-in-typescript.md). Time and space are linear in the heap.
 *
 * On a heap that is *not* at rest it reports what is in motion: only findings at rest mean
 * anything. A cache destroyed with live objects is no finding: the allocator keeps it sound.
 */
import { checkCaches } from "./validate/check-caches.js";
import { checkCpus, checkLocks } from "./validate/check-cpus.js";
import { checkDeferred } from "./validate/check-deferred.js";
import { checkHeader } from "./validate/check-header.js";
import { Inspection } from "./validate/inspection.js";
import type { Finding } from "./validate/invariants.js";
import { findHomes } from "./validate/find-homes.js";
import { checkCounters, checkObjects } from "./validate/check-objects.js";
import { checkMemcgs } from "./validate/check-memcgs.js";
import { checkPages } from "./validate/check-pages.js";
import { checkRcu } from "./validate/check-rcu.js";
import { checkSheaves } from "./validate/check-sheaves.js";
import { checkSlabs, checkTotals } from "./validate/check-slabs.js";
import { checkZones } from "./validate/check-zones.js";
import type { HeapView } from "./view.js";

/** Check every law of `validate/invariants.ts`. @returns what is broken; empty: it is sound */
export function validate(view: HeapView): Finding[] {
  view.refresh();
  const inspection = new Inspection(view);
  try {
    inspect(inspection);
  } catch (error) {
    // Not expected: the walks are made for damaged heaps. Better a finding than no answer.
    const message = `the walk failed: ${error instanceof Error ? error.message : String(error)}`;
    inspection.report("Q0-checker", "heap", view.base, message);
  }
  return inspection.result();
}

function inspect(inspection: Inspection): void {
  if (!checkHeader(inspection)) return;
  const caches = checkCaches(inspection);
  checkPages(inspection, caches);
  checkZones(inspection);
  checkCpus(inspection);
  checkLocks(inspection);
  findHomes(inspection, caches);
  checkObjects(inspection);
  checkDeferred(inspection);
  checkSheaves(inspection, caches);
  checkRcu(inspection);
  checkCounters(inspection);
  checkMemcgs(inspection);
  checkSlabs(inspection);
  checkTotals(inspection, caches);
}
