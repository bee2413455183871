/**
 * Goal: every way an allocation can go happens, and its counter says so. Method: each branch is
 * made to happen on purpose, by two CPUs in one thread, and *all* counters are compared, so that
 * one counted in the wrong place shows as well as one missed.
 *
 * CMPXCHG_DOUBLE_CPU_FAIL needs an interruption between the two halves of the fast path, and
 * CMPXCHG_DOUBLE_FAIL another CPU between the read of a slab's word and its exchange; no re-entry
 * there is gives either. They come with the machine that interleaves at every access, and real
 * threads reach the second.
 */
import { describe, expect, test } from "vitest";
import { MIB, TestHeap, type TestHeapOptions } from "./support/heap.js";

/** kmalloc-8k: 4 objects a slab, at most 3 percpu partial slabs, min_partial 6. */
function scene(options: TestHeapOptions = {}) {
  const heap = new TestHeap(options);
  const [here, elsewhere] = [heap.cpu(0), heap.cpu(1)];
  const cache = heap.cache("kmalloc-8k");
  const take = (count: number) => here.take(8192, count);
  return { heap, here, elsewhere, cache, take };
}

test("ALLOC_SLOWPATH and ALLOC_SLAB: the first allocation makes a slab the cpu slab", () => {
  const { heap, cache, take } = scene();
  expect(heap.countsOf(cache, () => take(1))).toEqual({ ALLOC_SLOWPATH: 1, ALLOC_SLAB: 1 });
  const [slab] = [...heap.view.slabs(cache.address)];
  expect(slab).toMatchObject({ frozen: true, inuse: 4, objects: 4, freelist: 0 });
  expect(heap.view.cpuCache(0, cache.index).slab).toBe(slab?.address);
});

test("ALLOC_FASTPATH: the rest of the cpu slab is popped from the cpu freelist", () => {
  const { heap, cache, take } = scene();
  take(1);
  expect(heap.countsOf(cache, () => take(3))).toEqual({ ALLOC_FASTPATH: 3 });
});

test("every allocation advances the tid by one event of this CPU", () => {
  const { heap, elsewhere, cache } = scene();
  const tid = () => heap.view.cpuCache(1, cache.index).tid;
  elsewhere.kmalloc(8192);
  for (let count = 0; count < 3; count++) {
    const before = tid();
    elsewhere.kmalloc(8192);
    expect(tid() - before).toBe(256);
    expect(tid() % 256).toBe(1);
  }
});

test("DEACTIVATE_BYPASS: a full cpu slab is forgotten, on no list, in nobody's hand", () => {
  const { heap, cache, take } = scene();
  const [first = 0] = take(4);
  expect(heap.countsOf(cache, () => take(1))).toEqual({
    ALLOC_SLOWPATH: 1,
    DEACTIVATE_BYPASS: 1,
    ALLOC_SLAB: 1,
  });
  expect(heap.slabOf(first)).toMatchObject({ frozen: false, inuse: 4, freelist: 0, in_hand: 0 });
});

test("ALLOC_REFILL: what others freed to the cpu slab is taken as one list", () => {
  const { heap, elsewhere, cache, take } = scene();
  const [first = 0, second = 0] = take(4);
  elsewhere.kfree(first);
  elsewhere.kfree(second);
  expect(heap.countsOf(cache, () => expect(take(1)).toEqual([second]))).toEqual({
    ALLOC_SLOWPATH: 1,
    ALLOC_REFILL: 1,
  });
  expect(heap.countsOf(cache, () => expect(take(1)).toEqual([first]))).toEqual({
    ALLOC_FASTPATH: 1,
  });
});

test("CPU_PARTIAL_ALLOC: a percpu partial slab becomes the cpu slab before a node is asked", () => {
  const { heap, here, cache, take } = scene();
  const [first = 0] = take(8);
  here.kfree(first);
  expect(heap.cpuPartialSlabs(cache, 0)).toEqual([heap.slabAddressOf(first)]);
  expect(heap.countsOf(cache, () => expect(take(1)).toEqual([first]))).toEqual({
    ALLOC_SLOWPATH: 1,
    DEACTIVATE_BYPASS: 1,
    CPU_PARTIAL_ALLOC: 1,
  });
  expect(heap.cpuPartialSlabs(cache, 0)).toEqual([]);
  expect(heap.slabOf(first)).toMatchObject({ frozen: true, inuse: 4 });
});

/** `count` slabs with one free object each on the node's partial list, all of CPU 1's making. */
function partialOnNode(count: number, options: TestHeapOptions = {}) {
  const all = scene(options);
  const { heap, elsewhere, cache } = all;
  const objects = elsewhere.take(8192, 4 * count);
  for (let slab = 0; slab < count; slab++) elsewhere.kfree(objects[4 * slab] ?? 0);
  elsewhere.offline();
  expect(heap.nrPartial(cache)).toBe(count);
  return { ...all, objects };
}

describe("ALLOC_FROM_PARTIAL", () => {
  test("the node's first partial slab becomes the cpu slab", () => {
    const { heap, cache, take } = partialOnNode(1);
    expect(heap.countsOf(cache, () => take(1))).toEqual({
      ALLOC_SLOWPATH: 1,
      ALLOC_FROM_PARTIAL: 1,
    });
    expect(heap.nrPartial(cache)).toBe(0);
  });

  test("CPU_PARTIAL_NODE: further slabs move along until more than half the bound is met", () => {
    const { heap, cache, take } = partialOnNode(6);
    const listed = heap.partialSlabs(cache);
    // cpu_partial_slabs is 3, half of it 1: the second slab moved is the first above.
    expect(heap.countsOf(cache, () => take(1))).toEqual({
      ALLOC_SLOWPATH: 1,
      ALLOC_FROM_PARTIAL: 1,
      CPU_PARTIAL_NODE: 2,
    });
    expect(heap.view.cpuCache(0, cache.index).slab).toBe(listed[0]);
    expect(heap.cpuPartialSlabs(cache, 0)).toEqual([listed[2], listed[1]]);
    expect(heap.partialSlabs(cache)).toEqual(listed.slice(3));
  });

  test("moved slabs are in this CPU's hand, carry no SL_PARTIAL and are not frozen", () => {
    const { heap, cache, take } = partialOnNode(3);
    take(1);
    for (const slab of heap.cpuPartialSlabs(cache, 0)) {
      const page = heap.view.page(heap.view.pfnOf(slab));
      expect(page).toMatchObject({ in_hand: 1, flags: 0, frozen: false });
    }
  });
});

test("the search goes: own list, remote frees, percpu partial, node partial, new slab", () => {
  const { heap, here, cache } = partialOnNode(4);
  const found: string[] = [];
  const kinds = ["ALLOC_FASTPATH", "ALLOC_REFILL", "CPU_PARTIAL_ALLOC", "ALLOC_FROM_PARTIAL"];
  for (let left = 12; left > 0; left--) {
    const counts = heap.countsOf(cache, () => here.kmalloc(8192));
    found.push([...kinds, "ALLOC_SLAB"].find((kind) => counts[kind] === 1) ?? "none");
  }
  expect(found).toEqual([
    // Slab 1 from the node brings two along; each has one free object.
    ...["ALLOC_FROM_PARTIAL", "CPU_PARTIAL_ALLOC", "CPU_PARTIAL_ALLOC", "ALLOC_FROM_PARTIAL"],
    ...["ALLOC_SLAB", "ALLOC_FASTPATH", "ALLOC_FASTPATH", "ALLOC_FASTPATH"],
    ...["ALLOC_SLAB", "ALLOC_FASTPATH", "ALLOC_FASTPATH", "ALLOC_FASTPATH"],
  ]);
});

test("ORDER_FALLBACK: without a block of the preferred order the smallest slab is made", () => {
  const heap = new TestHeap({ maximumBytes: 2 * MIB, initialBytes: 2 * MIB });
  const cpu = heap.cpu(0);
  const cache = heap.cache("kmalloc-4k");
  expect([cache.order, cache.minOrder]).toEqual([3, 0]);
  // Nothing of order 2 or larger is left, then one half of a block of order 3 comes back.
  const [block = 0] = cpu.takeAll(32768);
  cpu.kfree(block);
  const [half = 0] = cpu.takeAll(16384);
  cpu.kfree(half);
  expect(heap.countsOf(cache, () => cpu.take(4096, 1))).toEqual({
    ALLOC_SLOWPATH: 1,
    ORDER_FALLBACK: 1,
    ALLOC_SLAB: 1,
  });
  const [slab] = [...heap.view.slabs(cache.address)];
  expect(slab).toMatchObject({ order: 0, objects: 1 });
});

describe("ALLOC_NODE_MISMATCH", () => {
  const options = { nodes: 2, initialBytes: 16 * MIB };

  test("a cpu slab of another node than the one asked for is flushed", () => {
    const { heap, here, cache } = scene(options);
    here.kmalloc(8192);
    const { node } = [...heap.view.slabs(cache.address)][0] ?? { node: 0 };
    const counts = heap.countsOf(cache, () => here.kmallocNode(8192, 1 - node));
    expect(counts).toMatchObject({
      ALLOC_SLOWPATH: 1,
      ALLOC_NODE_MISMATCH: 1,
      CPUSLAB_FLUSH: 1,
      DEACTIVATE_TO_HEAD: 1,
      ALLOC_SLAB: 1,
    });
    expect(heap.nrPartial(cache, node)).toBe(1);
    expect([...heap.view.slabs(cache.address)].map((slab) => slab.node).sort()).toEqual([0, 1]);
  });

  test("a nolock call takes what is there: for it the node is a hint", () => {
    const { heap, here, cache } = scene(options);
    here.kmalloc(8192);
    const { node } = [...heap.view.slabs(cache.address)][0] ?? { node: 0 };
    const counts = heap.countsOf(cache, () => here.kmallocNolock(8192, 0, 1 - node));
    expect(counts).toEqual({ NOLOCK_ALLOC_FASTPATH: 1 });
  });

  test("a node that does not exist is no wish", () => {
    const { heap, here, cache, take } = scene();
    take(1);
    const counts = heap.countsOf(cache, () => here.kmallocNode(8192, 7));
    expect(counts).not.toHaveProperty("ALLOC_NODE_MISMATCH");
    expect(counts).not.toHaveProperty("CPUSLAB_FLUSH");
  });
});

test("out of memory is counted as a slow path that found nothing", () => {
  const heap = new TestHeap({ maximumBytes: 2 * MIB });
  const cpu = heap.cpu(0);
  const cache = heap.cache("kmalloc-8k");
  cpu.takeAll(8192);
  expect(heap.countsOf(cache, () => expect(cpu.kmalloc(8192)).toBe(0))).toEqual({
    ALLOC_SLOWPATH: 1,
  });
});

test("each CPU counts on lines of its own", () => {
  const { heap, here, elsewhere, cache } = scene();
  here.take(8192, 3);
  elsewhere.take(8192, 2);
  expect(heap.counts(cache, 0)).toEqual({ ALLOC_SLOWPATH: 1, ALLOC_SLAB: 1, ALLOC_FASTPATH: 2 });
  expect(heap.counts(cache, 1)).toEqual({ ALLOC_SLOWPATH: 1, ALLOC_SLAB: 1, ALLOC_FASTPATH: 1 });
  expect(cache.stat_base % 64).toBe(0);
  expect(heap.table.constants.STAT_STRIDE % 64).toBe(0);
});

test("a build that leaves counters out leaves only those out, and counts the rest alike", () => {
  const LEFT_OUT = ["ALLOC_FASTPATH", "FREE_FASTPATH"];
  const LEFT_OUT_NOLOCK = ["NOLOCK_ALLOC_FASTPATH", "NOLOCK_FREE_FASTPATH"];
  const LEFT_OUT_DEFER = ["DEFER_LOOK_EMPTY", "DEFER_HIGH_WATER", "DEFER_MAX_AGE"];
  const absent = [...LEFT_OUT, ...LEFT_OUT_NOLOCK, ...LEFT_OUT_DEFER];
  const [release, model, stats, debug] = (["release", "model", "stats", "debug"] as const).map(
    (build) => {
      const { heap, here, elsewhere, cache, take } = scene({ build, defer: "global" });
      const objects = take(30);
      for (const object of objects.slice(0, 10)) elsewhere.kfree(object);
      for (const object of objects.slice(10, 20)) here.nmi(() => here.kfreeNolock(object));
      for (const object of objects.slice(20)) here.kfree(object);
      here.nmi(() => here.kfreeNolock(here.kmallocNolock(8192)));
      here.barrier();
      return heap.counts(cache);
    },
  );
  expect(Object.keys(stats ?? {})).toEqual(expect.arrayContaining(absent));
  expect(debug).toEqual(stats);
  const rest = Object.entries(stats ?? {}).filter(([name]) => !absent.includes(name));
  expect(release).toEqual(Object.fromEntries(rest));
  expect(model).toEqual(release);
});
