/**
 * Goal: what runs inside a nolock call knows that it may not wait: constructors apart, that is
 * irq_work at the ends of its sections, and whatever a probe calls. Method: the context word at
 * every trace point of a nolock allocation that comes from a plain task.
 */
import { expect, test } from "vitest";
import { TestHeap } from "./support/heap.js";

const NOLOCK_MASK = 0xf << 20;
const NOLOCK = 1 << 20;

test("the slow path of a nolock allocation is a nolock context, and leaves none behind", () => {
  const heap = new TestHeap({ build: "trace", cpus: 1 });
  const cpu = heap.cpu();
  const seen = new Set<number>();
  let points = 0;
  heap.onTrace = () => {
    points++;
    seen.add(cpu.exports.preempt_count() & NOLOCK_MASK);
  };
  const object = cpu.kmallocNolock(512);
  heap.onTrace = undefined;
  expect(object).not.toBe(0);
  expect(points).toBeGreaterThan(4);
  expect([...seen]).toEqual([NOLOCK]);
  expect(cpu.exports.preempt_count() & NOLOCK_MASK).toBe(0);
  cpu.kfree(object);
});
