/**
 * Goal: nolock calls go the way of 7.3 - the sheaf, then its slab, then once the next bucket - and
 * make, refill or flush no sheaf. Method: the locks that a call interrupts are set by hand, as in
 * nolock-alloc.test.ts, in the build that counts.
 */
import { sheavesOf } from "slablab/internal/heap/sheaves.js";
import { expect, test } from "vitest";
import { listLock, type TestCpu, whileHeld } from "./support/cpu.js";
import { MIB, TestHeap, type TestHeapOptions } from "./support/heap.js";
import { CAPACITY, SIZE, sheafScene } from "./support/sheaves.js";

/** The next bucket has objects of 2048. */
function scene(options: TestHeapOptions = {}) {
  const found = sheafScene(options);
  return { ...found, next: found.heap.cache("kmalloc-2k") };
}

/** Address of the local lock of a CPU's sheaves. */
function sheafLock({ heap, id }: TestCpu, index: number): number {
  return heap.view.cpuCache(id, index).address + heap.table.offsets.kmem_cache_cpu.sheaf_lock;
}

test("a sheaf gives and takes although this CPU is in the section of its slab", () => {
  const { heap, here, cache } = scene();
  const [first = 0] = here.take(SIZE, 1);
  const counts = heap.countsOf(cache, () => {
    const object = here.interruptSection(here.localLock(cache), () => here.kmallocNolock(SIZE));
    expect(here.ksize(object)).toBe(SIZE);
    here.interruptSection(here.localLock(cache), () => here.kfreeNolock(object));
  });
  const ofNolock = { NOLOCK_ALLOC_MAIN: 1, NOLOCK_FREE_MAIN: 1 };
  expect(counts).toEqual({ ALLOC_PCS: 1, FREE_PCS: 1, ...ofNolock });
  const ordinary = here.interruptSection(here.localLock(cache), () => here.kmalloc(SIZE));
  const own = here.createCache("own", SIZE);
  here.cacheFree(own, here.cacheAlloc(own));
  const [one, other] = here.interruptSection(here.localLock(own), () => [
    here.cacheAllocNolock(own),
    here.cacheAlloc(own),
  ]) as [number, number];
  expect([ordinary, one, other]).not.toContain(0);
  for (const object of [first, ordinary, one, other]) here.kfree(object);
});

test("an empty sheaf and a busy slab: the next bucket", () => {
  const { heap, here, cache, next } = scene();
  const object = here.interruptSection(here.localLock(cache), () => here.kmallocNolock(SIZE));
  expect(here.ksize(object)).toBe(2 * SIZE);
  expect(heap.counts(cache)).toEqual({
    ...{ BARN_GET_FAIL: 1, NOLOCK_BUSY_FIRST: 1 },
    ...{ NOLOCK_NULL_LOCK: 1, NOLOCK_RETRY: 1 },
  });
  expect(heap.counts(next)).toMatchObject({ NOLOCK_ALLOC_SLOWPATH: 1 });
  here.kfree(object);
});

test("a sheaf that is being changed: its slab serves, and what is freed goes there", () => {
  const { heap, here, cache } = scene();
  here.take(SIZE, 1);
  const before = sheavesOf(heap.view, cache);
  const counts = heap.countsOf(cache, () => {
    const object = here.interruptSection(sheafLock(here, cache.index), () =>
      here.kmallocNolock(SIZE),
    );
    expect(here.ksize(object)).toBe(SIZE);
    here.interruptSection(sheafLock(here, cache.index), () => here.kfreeNolock(object));
  });
  expect(counts).toEqual({
    ...{ NOLOCK_ALLOC_FASTPATH: 1, NOLOCK_FREE_FASTPATH: 1 },
    ...{ NOLOCK_ALLOC_SLAB: 1, NOLOCK_FREE_SLAB: 1 },
  });
  expect(sheavesOf(heap.view, cache)).toEqual(before);
});

test("any NULL tries the next bucket, once, be it of list_lock or of memory", () => {
  const { heap, here, cache, next } = scene({ maximumBytes: 4 * MIB });
  const objects = [8 * SIZE, 2 * SIZE, SIZE].flatMap((size) => here.takeAll(size));
  expect(here.kmallocNolock(SIZE)).toBe(0);
  expect(heap.counts(cache)).not.toHaveProperty("NOLOCK_NULL");
  expect(heap.counts(next)).toMatchObject({ NOLOCK_NULL: 1 });
  const large = objects.find((object) => here.ksize(object) === 2 * SIZE) ?? 0;
  here.kfree(large);
  expect(here.kmallocNolock(SIZE), "what only the next bucket has").toBe(large);
  expect(heap.counts(cache)).not.toHaveProperty("NOLOCK_BUSY_FIRST");
  for (const object of objects) here.kfree(object);
});

test("with cpu slabs, as in 6.18, only a busy bucket is retried", () => {
  const heap = new TestHeap({ cpus: 1, maximumBytes: 4 * MIB });
  const here = heap.cpu();
  const objects = [8 * SIZE, 2 * SIZE, SIZE].flatMap((size) => here.takeAll(size));
  here.kfree(objects.find((object) => here.ksize(object) === 2 * SIZE) ?? 0);
  expect(here.kmallocNolock(SIZE)).toBe(0);
  expect(heap.counts(heap.cache("kmalloc-1k"))).toMatchObject({ NOLOCK_NULL: 1 });
});

test("the barn by one try: a lock that is held is a miss, and nothing changes", () => {
  const { heap, here, elsewhere, cache } = scene();
  for (const object of here.take(SIZE, 4 * CAPACITY)) elsewhere.kfree(object);
  const rest = here.take(SIZE, CAPACITY);
  const barn = heap.view.header().node_barns + cache.index * 64;
  const counts = heap.countsOf(cache, () =>
    whileHeld(heap, barn, elsewhere.id, () => {
      const object = here.kmallocNolock(SIZE);
      expect(here.ksize(object)).toBe(SIZE);
      rest.push(object);
    }),
  );
  expect(counts).not.toHaveProperty("SHEAF_REFILL");
  const there = sheavesOf(heap.view, cache).filter(({ place }) => place === "full").length;
  const got = heap.countsOf(cache, () => rest.push(here.kmallocNolock(SIZE)));
  expect(got).toEqual({ ALLOC_PCS: 1, BARN_GET: 1, NOLOCK_ALLOC_BARN: 1 });
  expect(sheavesOf(heap.view, cache).filter(({ place }) => place === "full")).toHaveLength(
    there - 1,
  );
  for (const object of rest) here.kfree(object);
});

test("frees cover main, exchange with the barn, and then defer; none is made", () => {
  const { heap, here, elsewhere, cache } = scene();
  const objects = here.take(SIZE, 8 * CAPACITY);
  const counts = heap.countsOf(cache, () => {
    for (const object of objects) {
      elsewhere.nmi(() => elsewhere.kfreeNolock(object));
    }
  });
  // CPU 1 had no sheaf, the barn none that is empty: all of it went to slabs or waits.
  expect(counts).not.toHaveProperty("SHEAF_ALLOC");
  expect(counts).not.toHaveProperty("SHEAF_FLUSH");
  expect(counts).toHaveProperty("DEFER_ADD");
  const again = here.take(SIZE, 2 * CAPACITY);
  for (const object of again) here.kfree(object);
  const swapped = heap.countsOf(cache, () => {
    const some = Array.from({ length: 2 * CAPACITY }, () => here.kmallocNolock(SIZE));
    for (const object of some) here.kfreeNolock(object);
  });
  expect(swapped).toEqual({
    ...{ ALLOC_PCS: 2 * CAPACITY, NOLOCK_ALLOC_MAIN: 2 * CAPACITY - 1, NOLOCK_ALLOC_SPARE: 1 },
    ...{ FREE_PCS: 2 * CAPACITY, NOLOCK_FREE_MAIN: 2 * CAPACITY - 1, NOLOCK_FREE_SPARE: 1 },
  });
});

test("a request for another node skips the sheaf", () => {
  const { heap, here, elsewhere, cache } = scene({ nodes: 2, initialBytes: 2 ** 24 });
  const [mine = 0] = here.take(SIZE, 1);
  const [theirs = 0] = elsewhere.take(SIZE, 1);
  const counts = heap.countsOf(cache, () => here.kmallocNolock(SIZE, 0, 1));
  expect(counts).not.toHaveProperty("ALLOC_PCS");
  const local = heap.countsOf(cache, () => here.kmallocNolock(SIZE, 0, 0));
  expect(local).toEqual({ ALLOC_PCS: 1, NOLOCK_ALLOC_MAIN: 1 });
  for (const object of [mine, theirs]) here.kfree(object);
});

test("with list_lock held as well, the next bucket's sheaf is asked", () => {
  const { heap, here, elsewhere, cache, next } = scene();
  const [large = 0] = here.take(2 * SIZE, 1);
  const object = whileHeld(heap, listLock(heap, cache), elsewhere.id, () =>
    here.interruptSection(here.localLock(cache), () => here.kmallocNolock(SIZE)),
  );
  expect(here.ksize(object)).toBe(2 * SIZE);
  expect(heap.counts(next)).toMatchObject({ ALLOC_PCS: 2 });
  for (const each of [large, object]) here.kfree(each);
});
