/**
 * Goal: bulk calls use sheaves as 7.0's do - blocks from and to main, exchanges, then the slabs -
 * and lose or double no object. Method: each way on purpose, with its counters; then a random mix.
 */
import { createHeap, SLAB_ACCOUNT } from "slablab";
import { objectsInSheaves, sheavesOf } from "slablab/internal/heap/sheaves.js";
import { describe, expect, test } from "vitest";
import { type Build, BUILDS, type TestHeapOptions } from "./support/heap.js";
import { CAPACITY, SIZE, sheafScene } from "./support/sheaves.js";

function scene(options: TestHeapOptions = {}) {
  const found = sheafScene(options);
  return { ...found, places: () => found.places().sort() };
}

test("many frees fill main and one below it by blocks; what has no room goes to the slabs", () => {
  const { heap, here, cache, places } = scene();
  const objects = here.take(SIZE, 4 * CAPACITY);
  const counts = heap.countsOf(cache, () => here.kfreeBulk(objects));
  // Both are full, and the barn has no empty one: none is made, none flushed.
  expect(counts).toMatchObject({ FREE_PCS: 2 * CAPACITY });
  expect(counts).not.toHaveProperty("SHEAF_ALLOC");
  expect(counts).not.toHaveProperty("SHEAF_FLUSH");
  expect(places().sort()).toEqual([`below main 0: ${CAPACITY}`, `main 0: ${CAPACITY}`]);
});

test("full sheaves go to the barn for empty ones, many objects a lock", () => {
  const { heap, here, elsewhere, cache } = scene();
  const objects = here.take(SIZE, 6 * CAPACITY);
  for (const object of objects) elsewhere.kfree(object);
  const again = here.take(SIZE, 3 * CAPACITY);
  const before = sheavesOf(heap.view, cache).filter(({ place }) => place === "empty").length;
  expect(before).toBeGreaterThan(1);
  const counts = heap.countsOf(cache, () => elsewhere.kfreeBulk(again));
  expect(counts).toMatchObject({ BARN_PUT: before, FREE_PCS: before * CAPACITY });
});

test("many allocations take main, the stack and the barn, then slabs, and refill nothing", () => {
  const { heap, here, elsewhere, cache } = scene();
  const objects = here.take(SIZE, 6 * CAPACITY);
  for (const object of objects) elsewhere.kfree(object);
  const has = objectsInSheaves(heap.view, cache).size;
  const found: number[] = [];
  const counts = heap.countsOf(cache, () => found.push(...here.kmallocBulk(SIZE, has + 5)));
  const there = sheavesOf(heap.view, cache).filter(({ of, place }) => of === 1 && place !== "full");
  expect(new Set(found).size).toBe(has + 5);
  // All but what the other CPU has itself.
  expect(counts.ALLOC_PCS).toBe(has - there.reduce((sum, { size }) => sum + size, 0));
  expect(counts).not.toHaveProperty("SHEAF_REFILL");
  expect(counts).toHaveProperty("ALLOC_FASTPATH");
});

test("objects of another node go to their slabs, those between them to sheaves", () => {
  const { heap, here, elsewhere, cache } = scene({ nodes: 2, initialBytes: 2 ** 24 });
  const mine = here.take(SIZE, 5);
  const theirs = elsewhere.take(SIZE, 5);
  const mixed = mine.flatMap((object, index) => [object, theirs[index] ?? 0]);
  const counts = heap.countsOf(cache, () => here.kfreeBulk(mixed));
  expect(counts).toMatchObject({ FREE_PCS: 5 });
  const kept = objectsInSheaves(heap.view, cache);
  expect(theirs.filter((object) => kept.has(object))).toEqual([]);
});

test("runs of caches, NULL, ZERO_SIZE_PTR and large allocations in one array", () => {
  const { heap, here } = scene({ initialBytes: 2 ** 24 });
  const large = here.kmalloc(20_000);
  const array = [0, ...here.take(64, 3), 16, large, ...here.take(SIZE, 2), ...here.take(64, 3), 0];
  expect(heap.countsOf(heap.cache("kmalloc-64"), () => here.kfreeBulk(array))).toEqual({
    FREE_PCS: 6,
  });
});

test("in an NMI the sheaves serve as far as they can, and nothing is waited for", () => {
  const { heap, here, cache } = scene();
  const objects = here.take(SIZE, 3 * CAPACITY);
  const counts = heap.countsOf(cache, () => here.nmi(() => here.kfreeBulk(objects)));
  expect(counts.FREE_PCS).toBe(2 * CAPACITY);
  expect(here.nmi(() => here.kmallocBulk(SIZE, CAPACITY))).toHaveLength(CAPACITY);
});

test("what a group is charged goes back when many are freed at once", async () => {
  const heap = await createHeap({ cpus: 1, percpu: "sheaf" });
  const cpu = heap.cpu();
  const memcg = cpu.memcgCreate({ name: "g", limitBytes: 2 ** 20 });
  cpu.memcg = memcg;
  const cache = cpu.kmemCacheCreate({ name: "charged", size: 100, flags: SLAB_ACCOUNT });
  cache.freeBulk(cache.allocBulk(200));
  expect(heap.validate()).toEqual([]);
  expect(cache.destroy().released).toBe(true);
  expect(memcg.stat().usageBytes).toBeLessThan(2 * 4096);
});

describe.each<Build>(BUILDS.filter((build) => build !== "release"))("%s", (build) => {
  test("a mix of single and many calls on two CPUs hands nothing out twice", () => {
    const { here, elsewhere } = scene({ build });
    const live: number[] = [];
    for (let turn = 0; turn < 60; turn++) {
      const [one, other] = turn % 3 === 0 ? [elsewhere, here] : [here, elsewhere];
      live.push(...one.kmallocBulk(SIZE, 1 + ((turn * 7) % 40)), ...other.take(SIZE, turn % 5));
      expect(new Set(live).size).toBe(live.length);
      other.kfreeBulk(live.splice(0, (turn * 11) % 45));
      for (const object of live.splice(0, turn % 4)) one.kfree(object);
    }
    here.kfreeBulk(live);
  });
});
