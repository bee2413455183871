/** Locks that another CPU holds for a while, counted in how often somebody finds them held. */
import { TRACE_CONTENTION_BEGIN } from "slablab/internal/heap/trace-events.js";
import { expect } from "vitest";
import type { TestHeap } from "./heap.js";

/**
 * Run `work` while CPU `owner` holds `lock`, which it lets go when it was found held `times` times.
 * So whoever looks again comes to its end, and whoever gives up does so before.
 *
 * @param onRelease what the owner does last in its section
 */
export function heldFor<T>(
  heap: TestHeap,
  lock: number,
  times: number,
  work: () => T,
  { owner = 1, onRelease = () => {} } = {},
): T {
  expect(heap.build, "trace points tell of contention").toBe("trace");
  expect(heap.u32(lock), "the lock must be free before").toBe(0);
  heap.setU32(lock, owner + 1);
  let left = times;
  heap.onTrace = (event, address) => {
    if (event !== TRACE_CONTENTION_BEGIN || address !== lock || left === 0 || --left > 0) return;
    onRelease();
    heap.setU32(lock, 0);
  };
  try {
    return work();
  } finally {
    heap.onTrace = undefined;
    if (left > 0) {
      onRelease();
      heap.setU32(lock, 0);
    }
    expect(left, "looks that the lock's holder was still to see").toBe(0);
  }
}
