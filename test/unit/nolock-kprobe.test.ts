/**
 * Goal: a probe that is not flagged as NMI, inside the section of a cache, gets the next bucket or
 * NULL from that cache's nolock calls, never an object that the section is about to hand out.
 * Method: a hook at every "held" point of the local lock itself (kernel: the hole of
 * kmalloc_nolock()'s in_nmi() test, found in review; slub_kunit's test_kmalloc_nolock_kprobe).
 */
import { describe, expect, test } from "vitest";
import { TRACE_HELD } from "slablab/internal/heap/trace-events.js";
import { MIB, TestHeap } from "./support/heap.js";

const HEAP_RT = 1;

describe.each([
  ["lock", 0],
  ["rt", HEAP_RT],
] as const)("%s: a probe inside the local lock's section", (_, options) => {
  function probed() {
    const heap = new TestHeap({ build: "trace", cpus: 1, options, maximumBytes: 8 * MIB });
    const cpu = heap.cpu();
    const cache = heap.cache("kmalloc-64");
    const lock = cpu.localLock(cache);
    const inside = (probe: () => void) => {
      let isActive = false;
      heap.onTrace = (event, address) => {
        if (event !== TRACE_HELD || address !== lock || isActive) return;
        isActive = true;
        probe();
        isActive = false;
      };
    };
    return { heap, cpu, cache, inside };
  }

  test("kmalloc_nolock takes the next bucket", () => {
    const { heap, cpu, cache, inside } = probed();
    const got: number[] = [];
    inside(() => got.push(cpu.kmallocNolock(64)));
    const objects = [...cpu.kmallocBulk(64, 100), ...cpu.take(64, 100)];
    heap.onTrace = undefined;
    expect(got.length).toBeGreaterThan(2);
    const caches = got.map((p) => heap.slabOf(p).slab_cache);
    expect(new Set(caches)).toEqual(new Set([heap.cache("kmalloc-96").address]));
    expect(new Set([...objects, ...got]).size).toBe(objects.length + got.length);
    expect(heap.stat(cache, "NOLOCK_BUSY_FIRST")).toBe(got.length);
    for (const p of [...objects, ...got]) cpu.kfree(p);
  });

  test("kmem_cache_alloc_nolock gives NULL", () => {
    const { heap, cpu, cache, inside } = probed();
    const got: number[] = [];
    inside(() => got.push(cpu.cacheAllocNolock(cache)));
    const objects = [...cpu.kmallocBulk(64, 100), ...cpu.take(64, 100)];
    heap.onTrace = undefined;
    expect(new Set(got)).toEqual(new Set([0]));
    for (const p of objects) cpu.kfree(p);
  });

  test("kfree_nolock to the cpu slab is deferred, and no object has two owners", () => {
    const { heap, cpu, cache, inside } = probed();
    const spare = cpu.take(64, 20);
    let freed = 0;
    inside(() => {
      const p = spare.pop();
      if (p === undefined) return;
      cpu.kfreeNolock(p);
      freed++;
    });
    const before = heap.stat(cache, "DEFER_ADD");
    const objects = cpu.kmallocBulk(64, 40);
    heap.onTrace = undefined;
    expect(freed).toBeGreaterThan(1);
    expect(heap.stat(cache, "DEFER_ADD") - before).toBe(freed);
    const live = [...objects, ...spare];
    expect(new Set(live).size).toBe(live.length);
    for (const p of live) cpu.kfree(p);
  });
});
