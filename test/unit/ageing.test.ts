/**
 * Goal: an aged heap has served as much as is said, and has everything back. Method: ageing on one
 * CPU of this thread, in which every step of rptest is counted.
 */
import type { JobContext } from "slablab/internal/cpu/job.js";
import { createHeap } from "slablab/internal/heap/heap.js";
import { compileBuild } from "slablab/internal/heap/load.js";
import { inspect } from "slablab/internal/measure/bench/load-run.js";
import { type LoadHeap, openHeap } from "slablab/internal/workload/loads/heaps.js";
import { age, type LoadVariant } from "slablab/internal/workload/loads/load-site.js";
import { expect, test } from "vitest";

const SLOTS = 100;

async function ageOne(agedVisits: number, isStopped: boolean) {
  const heap = await createHeap({ cpus: 1, maximumBytes: 2 ** 25 });
  const variant: LoadVariant = {
    ...{ flavour: "imports", handle: heap.handle, memory: null, cpus: 1, agedVisits },
  };
  const opened = await openHeap(variant, 0, await compileBuild("loads"));
  const count = { steps: 0, operations: 0 };
  const counting: LoadHeap = Object.assign(Object.create(opened), {
    allocateBlock: (bytes: number) => opened.allocateBlock(bytes),
    freeBlock: (block: number) => opened.freeBlock(block),
    broken: () => opened.broken(),
    callsOf: (prefix: string) => {
      const calls = opened.callsOf(prefix);
      const phase = (block: number, steps: number) => {
        const done = calls.phase(block, steps);
        count.steps += steps;
        count.operations += done;
        return done;
      };
      return { ...calls, phase };
    },
  });
  const context = { index: 0, cpus: 1, startLine: () => {}, isStopped: () => isStopped };
  const options = { scale: SLOTS / 1000, seed: 1 };
  age(context as unknown as JobContext, options, variant, counting, new Int32Array(16));
  opened.end();
  return { ...count, findings: inspect(heap) };
}

test("each slot is visited as often as is said, and many visits free or fill it", async () => {
  const { steps, operations, findings } = await ageOne(200, false);
  expect(findings).toEqual([]);
  expect(steps).toBe(200 * SLOTS);
  expect(operations).toBeGreaterThan(steps / 4);
  expect(operations).toBeLessThanOrEqual(steps);
});

test("ageing ends early when the run is stopped", async () => {
  const { steps, findings } = await ageOne(200, true);
  expect([steps, findings]).toEqual([0, []]);
});
