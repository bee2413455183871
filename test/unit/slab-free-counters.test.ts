/**
 * Goal: every way a free can go happens, and its counter says so. Method: as for allocations: each
 * branch on purpose, all counters compared.
 *
 * FREE_ADD_PARTIAL by a free itself needs a cache without percpu partial lists, which no cache of
 * this heap is: one gets its bound of 0 written into it.
 */
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { TestHeap } from "./support/heap.js";

/** kmalloc-8k: 4 objects a slab, at most 3 percpu partial slabs, min_partial 6. */
function scene(cpus = 2) {
  const heap = new TestHeap({ cpus });
  const [here, elsewhere] = heap.cpus() as [TestCpu, TestCpu];
  const cache = heap.cache("kmalloc-8k");
  /** `count` full slabs of CPU 0, by slab; its cpu slab is another one. */
  const fullSlabs = (count: number) => {
    const objects = here.take(8192, 4 * count);
    here.take(8192, 1);
    return Array.from({ length: count }, (_, slab) => objects.slice(4 * slab, 4 * slab + 4));
  };
  return { heap, here, elsewhere, cache, fullSlabs };
}

test("FREE_FASTPATH: an object of the cpu slab goes to the cpu freelist, last in first out", () => {
  const { heap, here, cache } = scene();
  const [first = 0, second = 0] = here.take(8192, 3);
  const counts = heap.countsOf(cache, () => {
    here.kfree(first);
    here.kfree(second);
  });
  expect(counts).toEqual({ FREE_FASTPATH: 2 });
  expect(here.take(8192, 2)).toEqual([second, first]);
});

test("FREE_FROZEN: an object of another CPU's cpu slab goes to the slab, and no list moves", () => {
  const { heap, here, elsewhere, cache } = scene();
  const [object = 0] = here.take(8192, 2);
  const counts = heap.countsOf(cache, () => elsewhere.kfree(object));
  expect(counts).toEqual({ FREE_SLOWPATH: 1, FREE_FROZEN: 1 });
  expect(heap.slabOf(object)).toMatchObject({ frozen: true, inuse: 3, freelist: object });
});

test("CPU_PARTIAL_FREE: the first free to a full slab puts it on the freeing CPU's list", () => {
  const { heap, elsewhere, cache, fullSlabs } = scene();
  const [[object = 0] = []] = fullSlabs(1);
  const counts = heap.countsOf(cache, () => elsewhere.kfree(object));
  expect(counts).toEqual({ FREE_SLOWPATH: 1, CPU_PARTIAL_FREE: 1 });
  expect(heap.cpuPartialSlabs(cache, 1)).toEqual([heap.slabAddressOf(object)]);
  expect(heap.slabOf(object)).toMatchObject({ frozen: false, inuse: 3, in_hand: 2, slabs: 1 });
});

test("FREE_SLOWPATH: further frees to a partial slab are one exchange, from whatever CPU", () => {
  const { heap, here, elsewhere, cache, fullSlabs } = scene();
  const [[first = 0, second = 0, third = 0] = []] = fullSlabs(1);
  here.kfree(first);
  const counts = heap.countsOf(cache, () => {
    here.kfree(second);
    elsewhere.kfree(third);
  });
  expect(counts).toEqual({ FREE_SLOWPATH: 2 });
  expect(heap.cpuPartialSlabs(cache, 0)).toEqual([heap.slabAddressOf(first)]);
});

test("an empty slab on a percpu partial list stays there, whoever freed its last object", () => {
  const { heap, here, elsewhere, cache, fullSlabs } = scene();
  const [slab = []] = fullSlabs(1);
  here.kfree(slab[0] ?? 0);
  const counts = heap.countsOf(cache, () => {
    for (const object of slab.slice(1)) elsewhere.kfree(object);
  });
  expect(counts).toEqual({ FREE_SLOWPATH: 3 });
  expect(heap.slabOf(slab[0] ?? 0).inuse).toBe(0);
  expect(heap.cpuPartialSlabs(cache, 0).length).toBe(1);
});

describe("CPU_PARTIAL_DRAIN", () => {
  test("a percpu partial list that is long enough moves to the node: FREE_ADD_PARTIAL", () => {
    const { heap, here, cache, fullSlabs } = scene();
    const slabs = fullSlabs(4);
    const [a, b, c, d] = slabs.map(([object = 0]) => object) as [number, number, number, number];
    for (const object of [a, b, c]) here.kfree(object);
    expect(heap.cpuPartialSlabs(cache, 0).length).toBe(cache.cpu_partial_slabs);
    expect(heap.countsOf(cache, () => here.kfree(d))).toEqual({
      FREE_SLOWPATH: 1,
      CPU_PARTIAL_FREE: 1,
      CPU_PARTIAL_DRAIN: 1,
      FREE_ADD_PARTIAL: 3,
    });
    expect(heap.cpuPartialSlabs(cache, 0)).toEqual([heap.slabAddressOf(d)]);
    expect(heap.partialSlabs(cache)).toEqual([c, b, a].map((object) => heap.slabAddressOf(object)));
  });

  test("DEACTIVATE_EMPTY: a drained empty slab goes once the node keeps min_partial", () => {
    const { heap, here, cache, fullSlabs } = scene();
    const slabs = fullSlabs(10);
    // Six partial slabs on the node, then three empty ones on the list, then one more.
    for (const [object = 0] of slabs.slice(0, 6)) here.kfree(object);
    for (const slab of slabs.slice(6, 9)) for (const object of slab) here.kfree(object);
    expect(heap.nrPartial(cache)).toBe(6);
    const before = heap.slabCount(cache);
    expect(heap.countsOf(cache, () => here.kfree(slabs[9]?.[0] ?? 0))).toEqual({
      FREE_SLOWPATH: 1,
      CPU_PARTIAL_FREE: 1,
      CPU_PARTIAL_DRAIN: 1,
      DEACTIVATE_EMPTY: 3,
      FREE_SLAB: 3,
    });
    expect(heap.slabCount(cache)).toBe(before - 3);
    expect(heap.nrPartial(cache)).toBe(cache.min_partial);
  });
});

/** `count` slabs on the node's partial list, each with all but one object in use. */
function listed(count: number) {
  const all = scene(3);
  const { heap, cache, fullSlabs } = all;
  const slabs = fullSlabs(count);
  const third = heap.view.cpuCount - 1;
  expect(third).toBe(2);
  for (const [object = 0] of slabs) all.elsewhere.kfree(object);
  all.elsewhere.offline();
  expect(heap.nrPartial(cache)).toBe(count);
  return { ...all, slabs: slabs.map(([, ...rest]) => rest) };
}

test("FREE_ADD_PARTIAL: without percpu partial lists a full slab goes to its node at once", () => {
  const { heap, here, cache, fullSlabs } = scene();
  const [[object = 0] = []] = fullSlabs(1);
  const { cpu_partial_slabs: bound, cpu_partial: each } = heap.table.offsets.kmem_cache;
  heap.setU32(cache.address + bound, 0);
  heap.setU32(cache.address + each, 0);
  expect(heap.countsOf(cache, () => here.kfree(object))).toEqual({
    FREE_SLOWPATH: 1,
    FREE_ADD_PARTIAL: 1,
  });
  expect(heap.partialSlabs(cache)).toEqual([heap.slabAddressOf(object)]);
  expect(heap.cpuPartialSlabs(cache, 0)).toEqual([]);
});

describe("FREE_REMOVE_PARTIAL", () => {
  test("FREE_SLAB: a listed slab that becomes empty goes if the node keeps enough", () => {
    const { heap, here, cache, slabs } = listed(6);
    const [first = []] = slabs;
    const gone = heap.slabAddressOf(first[0] ?? 0);
    here.kfree(first[0] ?? 0);
    here.kfree(first[1] ?? 0);
    expect(heap.countsOf(cache, () => here.kfree(first[2] ?? 0))).toEqual({
      FREE_SLOWPATH: 1,
      FREE_REMOVE_PARTIAL: 1,
      FREE_SLAB: 1,
    });
    expect(heap.partialSlabs(cache)).not.toContain(gone);
    expect(heap.nrPartial(cache)).toBe(5);
  });

  test("a listed slab that becomes empty stays while the node has fewer than min_partial", () => {
    const { heap, here, cache, slabs } = listed(5);
    for (const object of slabs.flat()) {
      const counts = heap.countsOf(cache, () => here.kfree(object));
      expect(counts).toEqual({ FREE_SLOWPATH: 1 });
    }
    expect(heap.nrPartial(cache)).toBe(5);
    expect(heap.view.node(cache.index, 0).nr_slabs).toBe(6);
  });

  test("any place on the list can be left: first, middle, last", () => {
    const { heap, here, cache, slabs } = listed(9);
    const order = heap.partialSlabs(cache);
    const bySlab = new Map(slabs.map((rest) => [heap.slabAddressOf(rest[0] ?? 0), rest]));
    const leave = [0, 4, 8].flatMap((at) => bySlab.get(order[at] ?? 0) ?? []);
    for (const object of leave) here.kfree(object);
    expect(heap.partialSlabs(cache)).toEqual(order.filter((_, at) => ![0, 4, 8].includes(at)));
  });
});

test("a slab of a single object goes from full to empty in one free and is kept at hand", () => {
  const { heap, here, elsewhere } = scene();
  const cache = here.createCache("single", 32768);
  expect(cache.objects).toBe(1);
  const [object = 0] = here.cacheTake(cache, 2);
  expect(heap.countsOf(cache, () => elsewhere.kfree(object))).toEqual({
    FREE_SLOWPATH: 1,
    CPU_PARTIAL_FREE: 1,
  });
  expect(heap.slabOf(object)).toMatchObject({ inuse: 0, in_hand: 2 });
  expect(elsewhere.cacheAlloc(cache)).toBe(object);
});

describe("bulk frees", () => {
  test("FREE_FASTPATH counts objects, FREE_SLOWPATH counts detached lists", () => {
    const { heap, here, cache, fullSlabs } = scene();
    const [slab = []] = fullSlabs(1);
    const own = here.take(8192, 2);
    const counts = heap.countsOf(cache, () => here.kfreeBulk([...slab, ...own]));
    expect(counts).toEqual({ FREE_FASTPATH: 2, FREE_SLOWPATH: 1, CPU_PARTIAL_FREE: 1 });
    expect(heap.slabOf(slab[0] ?? 0).inuse).toBe(0);
  });

  test("objects of one slab are found among others: interleaved pairs make two lists", () => {
    const { heap, here, cache, fullSlabs } = scene();
    const [a = [], b = []] = fullSlabs(2);
    const mixed = [a[0], b[0], a[1], b[1], a[2], b[2]].map((object) => object ?? 0);
    const counts = heap.countsOf(cache, () => here.kfreeBulk(mixed));
    expect(counts).toEqual({ FREE_SLOWPATH: 2, CPU_PARTIAL_FREE: 2 });
  });

  test("the search gives up after three objects of others, as the kernel's does", () => {
    const { heap, here, cache, fullSlabs } = scene();
    const slabs = fullSlabs(4);
    const [a = [], b = [], c = [], d = []] = slabs;
    // The last object of A is not joined with the other two: b, c and d lie between.
    const array = [a[0], a[1], b[0], c[0], d[0], a[2]].map((object) => object ?? 0);
    const counts = heap.countsOf(cache, () => here.kfreeBulk(array));
    expect(counts).toMatchObject({ FREE_SLOWPATH: 5, CPU_PARTIAL_FREE: 4 });
    expect(slabs.map(([object = 0]) => heap.slabOf(object).inuse)).toEqual([1, 3, 3, 3]);
  });
});
