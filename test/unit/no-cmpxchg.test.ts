/**
 * SLUB without a double cmpxchg (SLAB_NO_CMPXCHG): the same flows, the slab word changed under the
 * slab's own lock, and nolock refused as the kernel refuses it without __CMPXCHG_DOUBLE.
 */
import { createHeap } from "slablab";
import { DEFER_ARMS } from "slablab/internal/heap/arms.js";
import { describe, expect, test } from "vitest";
import { eventNumber, HEAP_NO_CMPXCHG } from "./support/events.js";
import { BUILDS, TestHeap, type TestHeapOptions } from "./support/heap.js";

const SIZE = 64;

function scene(options: TestHeapOptions = {}) {
  const heap = new TestHeap({ options: HEAP_NO_CMPXCHG, ...options });
  const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
  return { heap, cpu, other, cache: cpu.createCache("t", SIZE) };
}

/** The same work, with slow frees, percpu partial slabs, bulk and shrink. */
function work({ heap, cpu, other, cache }: ReturnType<typeof scene>) {
  return heap.countsOf(cache, () => {
    const objects = cpu.cacheTake(cache, 5 * cache.objects);
    for (const object of objects) other.kfree(object);
    const more = cpu.cacheAllocBulk(cache, 3 * cache.objects);
    cpu.kfreeBulk(more);
    cpu.exports.kmem_cache_shrink(cache.address);
  });
}

test("every flow counts what it counts with cmpxchg", () => {
  expect(work(scene())).toEqual(work(scene({ options: 0 })));
});

test.each(BUILDS)("in the build %s the slab word stays sound", (build) => {
  work(scene({ build }));
});

test("slab_lock(): each change of the word is one section of the slab's lock", () => {
  const { heap, cpu, other, cache } = scene({ build: "trace" });
  const [object = 0] = cpu.cacheTake(cache, cache.objects);
  const lock = heap.slabAddressOf(object) + heap.table.offsets.page.lock;
  let sections = 0;
  heap.onTrace = (event, at) => {
    if (event === eventNumber("TRACE_UNLOCK") && at === lock) sections++;
  };
  other.kfree(object);
  expect(sections).toBe(1);
});

describe("nolock", () => {
  test("kmalloc_nolock() returns NULL, in a task too, without trying another bucket", () => {
    const { heap, cpu } = scene();
    const bucket = heap.cache("kmalloc-64");
    const counts = heap.countsOf(bucket, () => {
      expect(cpu.kmallocNolock(SIZE)).toBe(0);
      expect(cpu.nmi(() => cpu.kmalloc(SIZE))).toBe(0);
    });
    expect(counts).toEqual({ NOLOCK_NULL: 2, NOLOCK_NULL_REFUSED: 2 });
  });

  test("kmem_cache_alloc_nolock() too", () => {
    const { cpu, cache } = scene();
    cpu.cacheTake(cache, 1);
    expect(cpu.cacheAllocNolock(cache)).toBe(0);
  });

  test.each(DEFER_ARMS.filter((arm) => arm !== "none"))(
    "kfree_nolock() in arm %s never takes the slab lock, which it may have interrupted",
    (defer) => {
      const { heap, cpu, other, cache } = scene({ defer });
      const [object = 0, ...rest] = cpu.cacheTake(cache, cache.objects);
      const lock = heap.slabAddressOf(object) + heap.table.offsets.page.lock;
      other.interruptSection(lock, () => other.kfreeNolock(object));
      expect(heap.stat(cache, "DEFER_ADD")).toBe(1);
      other.barrier();
      for (const each of rest) cpu.kfree(each);
    },
  );
});

test("createHeap({ noCmpxchg })", async () => {
  const heap = await createHeap({ cpus: 1, noCmpxchg: true });
  const cpu = heap.cpu();
  expect(cpu.kmallocNolock(SIZE)).toBe(0);
  cpu.kfree(cpu.kmalloc(SIZE));
  expect(heap.options.noCmpxchg).toBe(true);
  expect(heap.validate()).toEqual([]);
});
