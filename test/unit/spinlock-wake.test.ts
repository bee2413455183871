/**
 * Goal: who sleeps on a lock is woken when it is let go, not when its sleep ends by itself. Method:
 * a sleeper is put on list_lock in the middle of its section, as spin_lock() does it.
 */
import { TRACE_HELD } from "slablab/internal/heap/trace-events.js";
import { expect, test } from "vitest";
import { listLock } from "./support/cpu.js";
import { TestHeap } from "./support/heap.js";

const SLEEPERS = 0x8000_0000;
const LONG_MS = 5000;

test("an unlock wakes a sleeper", async () => {
  const heap = new TestHeap({ build: "trace", cpus: 1 });
  const cpu = heap.cpu();
  const cache = heap.cache("kmalloc-64");
  const lock = listLock(heap, cache);
  const words = new Int32Array(heap.memory.buffer);
  let sleep: ReturnType<typeof Atomics.waitAsync> | undefined;
  heap.onTrace = (event, address) => {
    if (event !== TRACE_HELD || address !== lock || sleep !== undefined) return;
    const marked = Atomics.or(words, lock >>> 2, SLEEPERS | 0) | SLEEPERS;
    sleep = Atomics.waitAsync(words, lock >>> 2, marked, LONG_MS);
  };
  cpu.exports.kmem_cache_shrink(cache.address);
  heap.onTrace = undefined;
  expect(sleep?.async).toBe(true);
  expect(await sleep?.value).toBe("ok");
  expect(heap.u32(lock)).toBe(0);
});
