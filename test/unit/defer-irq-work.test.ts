/**
 * Goal: irq_work runs once for what was raised, as an interrupt, and not before the NMI that raised
 * it is over. Method: objects of another CPU's slabs are freed by nolock calls, and what is left
 * waiting is looked at. Kernel: irq_work_queue(), free_deferred_objects(), 6.18.
 */
import { TRACE_DRAIN } from "slablab/internal/heap/trace-events.js";
import { expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { type Build, TestHeap } from "./support/heap.js";
import { waitingObjects } from "./support/waiting.js";

const HARDIRQ = 0x100;
const HARDIRQ_MASK = 0xf00;

/** `here` frees objects of slabs that are CPU 1's: they have to wait. */
function makeScene(build: Build = "stats") {
  const heap = new TestHeap({ build, defer: "irq-work" });
  const [here, elsewhere] = heap.cpus() as [TestCpu, TestCpu];
  const cache = elsewhere.createCache("waiting", 512);
  const objects = elsewhere.cacheTake(cache, cache.objects);
  const isPending = () => heap.u32(here.area + heap.table.offsets.cpu_area.irq_pending) !== 0;
  return { heap, here, cache, objects, isPending };
}

test("irq_work waits for the end of the NMI, whatever sections end in it", () => {
  const { heap, here, cache, objects, isPending } = makeScene();
  const [object = 0] = objects;
  here.nmi(() => {
    here.kfreeNolock(object);
    // The slow path enters and leaves sections of a local lock and of locks of pages.
    expect(here.kmallocNolock(2048)).not.toBe(0);
    expect(waitingObjects(heap, cache)).toEqual({ "cpu 0": [object] });
    expect(isPending()).toBe(true);
  });
  expect(waitingObjects(heap, cache)).toEqual({});
});

test("what was raised is run once: nothing stays pending after it", () => {
  const { heap, here, cache, objects, isPending } = makeScene();
  here.nmi(() => {
    for (const object of objects) here.kfreeNolock(object);
  });
  expect(waitingObjects(heap, cache)).toEqual({});
  expect(isPending()).toBe(false);
});

test("irq_work is an interrupt: it is one level of hardirq, and does not nest", () => {
  const { heap, here, objects } = makeScene("trace");
  const levels: number[] = [];
  heap.onTrace = (event) => {
    if (event === TRACE_DRAIN) levels.push(here.exports.preempt_count() & HARDIRQ_MASK);
  };
  here.nmi(() => {
    for (const object of objects) here.kfreeNolock(object);
  });
  expect(levels).toEqual([HARDIRQ]);
  expect(here.exports.preempt_count() & HARDIRQ_MASK).toBe(0);
});
