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
import { checkCaches } from "./validate/caches.js";
import { checkCpus, checkLocks } from "./validate/cpus.js";
import { checkDeferred } from "./validate/deferred.js";
import { checkHeader } from "./validate/header.js";
import { Inspection } from "./validate/inspection.js";
import type { Finding } from "./validate/invariants.js";
import { findHomes } from "./validate/lists.js";
import { checkCounters, checkObjects } from "./validate/objects.js";
import { checkMemcgs } from "./validate/memcg.js";
import { checkPages } from "./validate/pages.js";
import { checkRcu } from "./validate/rcu.js";
import { checkSlabs, checkTotals } from "./validate/slabs.js";
import { checkZones } from "./validate/zones.js";
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
  checkRcu(inspection);
  checkCounters(inspection);
  checkMemcgs(inspection);
  checkSlabs(inspection);
  checkTotals(inspection, caches);
}
