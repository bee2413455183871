/**
 * Everything at once on real Workers: after any mix of calls, in every arm, nothing is lost.
 *
 * Goal: objects are never shared, never damaged, and all of them come back. Method: two to eight
 * Workers do random operations and pass objects on; each object is stamped over its whole length
 * and checked when it is freed; at the end everything is freed, drained and counted.
 */
import type { HeapOptions } from "slablab";
import { DEFER_ARMS } from "slablab/internal/heap/constants.js";
import { describe, expect, test } from "vitest";
import { KMALLOC_SLOTS, type MixedArgs, type MixedReport } from "./jobs/mixed.js";
import { CACHE_SLOTS, type SharedCache, setEnds } from "./jobs/mixed-caches.js";
import { makeArena } from "./support/arena.js";
import { effort, nextSeed, seedCount } from "./support/effort.js";
import { jobOf } from "./support/jobs.js";

const slots = (count: number) => new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT);

/** Small, constructed, and one object a slab. */
function sharedCaches(): SharedCache[] {
  const cache = (name: string, size: number, isConstructed: boolean): SharedCache => ({
    name,
    size,
    isConstructed,
    slots: slots(CACHE_SLOTS),
  });
  return [cache("odd", 44, false), cache("constructed", 200, true), cache("huge", 20_000, false)];
}

/** The whole load on `cpus` Workers, and what must hold behind it. */
async function mix(cpus: number, turns: number, options: HeapOptions): Promise<void> {
  const seed = nextSeed();
  const { cpu, run, rest } = await makeArena(cpus, options);
  const shared = sharedCaches();
  const caches = shared.map(({ name, size, isConstructed }) => {
    const ctor = (object: number) => setEnds(cpu, object, size);
    return cpu.kmemCacheCreate({ name, size, ...(isConstructed ? { ctor } : {}) });
  });
  const args: MixedArgs = { seed, turns, kept: 300, slots: slots(KMALLOC_SLOTS), caches: shared };
  const reports = await run<MixedReport>(jobOf("mixed", "mixed"), seed, { args });
  for (const { operations } of reports) expect(operations).toBeGreaterThan(turns);
  for (const cache of caches) expect(cache.destroy()).toMatchObject({ released: true });
  await rest();
}

describe.each(DEFER_ARMS)("in the arm %s", (defer) => {
  test.each([2, 4])("%i Workers that mix all calls leave a sound, empty heap", async (cpus) => {
    for (let round = 0; round < seedCount; round++) {
      await mix(cpus, effort(6000), { defer, maximumBytes: 64 * 2 ** 20 });
    }
  });
});

test.each(["stats", "debug", "model"] as const)(
  "eight Workers in the build %s leave a sound, empty heap",
  async (build) => {
    await mix(8, effort(2000), { build, defer: "irq-work", maximumBytes: 64 * 2 ** 20 });
  },
);
