/**
 * Deaths in one thread: a CPU of the build "trace" ceases at a trace point - where a lock was
 * taken, is about to be released, a slab comes or goes - because the host's handler throws, which
 * ends the call where it is, as `worker.terminate()` does.
 */
import { expect } from "vitest";
import type { TestCpu } from "./cpu.js";
import type { TestHeap } from "./heap.js";

/** A lock is held: right after it was taken, and right before it is let go. */
export const TRACE_HELD = 12;

class Died extends Error {}

/**
 * Run `work`, and let the CPU that runs it die at the trace point that `isEnd` names.
 *
 * @returns false if there was none: then the work came to its end
 */
export function diesAt(
  heap: TestHeap,
  isEnd: (event: number, a: number) => boolean,
  work: () => void,
): boolean {
  heap.onTrace = (event, a) => {
    if (!isEnd(event, a)) return;
    heap.onTrace = undefined;
    throw new Died("the CPU dies");
  };
  try {
    work();
    return false;
  } catch (error) {
    if (!(error instanceof Died)) throw error;
    return true;
  } finally {
    heap.onTrace = undefined;
  }
}

/** Die at the trace point with this number, from 0. */
export function diesAtPoint(heap: TestHeap, number: number, work: () => void): boolean {
  let left = number;
  return diesAt(heap, () => left-- === 0, work);
}

/** The exports of recovery. */
export interface ReapExports {
  readonly cpu_reap: (victim: number, report: number) => number;
  readonly cpu_reap_dead: (report: number) => number;
  readonly cpu_died: (base: number, victim: number) => number;
  readonly reap_blocker: (base: number) => number;
}

export function reapExports({ exports }: TestCpu): ReapExports {
  return exports as unknown as ReapExports;
}

/** @returns what cpu_reap() says. @param report where it counts, or 0 */
export function reap(cpu: TestCpu, victim: number, report = 0): number {
  return reapExports(cpu).cpu_reap(victim, report);
}

/** The number is free, the heap is sound, and whoever gets the number can work with it. */
export function expectReaped(heap: TestHeap, by: TestCpu, victim: number, what: string): void {
  expect(reap(by, victim), what).toBe(1);
  expect(reap(by, victim), `${what}: a second time`).toBe(0);
  // What lockdep noted about a call that never ended is about a CPU that is no more.
  heap.lockdep.length = 0;
  heap.expectSound();
  const again = heap.cpu(victim);
  const objects = again.take(64, 3);
  for (const object of objects) by.kfree(object);
  again.exports.cpu_offline();
  heap.expectSound();
}
