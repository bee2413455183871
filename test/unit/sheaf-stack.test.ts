/**
 * Goal: what a CPU keeps before the barn is a stack - full sheaves below main, empty ones beside -
 * within its bound, and a flush that another CPU asked for loses none. Method: counters of the barn
 * and places, in the build that counts; validate() after every test.
 */
import { sheavesOf } from "slablab/internal/heap/sheaves.js";
import { expect, test } from "vitest";
import { KIB } from "./support/heap.js";
import { CAPACITY, SIZE, sheafScene, textsOf } from "./support/sheaves.js";

function scene() {
  const { heap, here, elsewhere, cache } = sheafScene();
  const { pcs_full } = heap.table.offsets.kmem_cache;
  const setBound = (bound: number) => heap.setU32(cache.address + pcs_full, bound);
  setBound(3);
  const count = (place: string, cpu = 0) =>
    sheavesOf(heap.view, cache).filter((sheaf) => sheaf.place === place && sheaf.of === cpu).length;
  return { heap, here, elsewhere, cache, count, setBound };
}

test("what a CPU frees and allocates again, however deep, never comes to the barn", () => {
  const { heap, here, cache, count } = scene();
  const counts = () => heap.countsOf(cache, () => turn());
  const turn = () => {
    const objects = here.take(SIZE, 4 * CAPACITY);
    for (const object of objects) here.kfree(object);
  };
  turn();
  expect([count("below main"), count("spare")]).toEqual([3, 0]);
  // The second turn empties all four, and fills them again.
  expect(counts()).toEqual({ ALLOC_PCS: 4 * CAPACITY, FREE_PCS: 4 * CAPACITY });
  here.take(SIZE, 3 * CAPACITY + 1);
  expect([count("below main"), count("spare")]).toEqual([0, 3]);
});

test("beyond its bound a CPU gives the barn full ones, one for each that is filled", () => {
  const { heap, here, elsewhere, cache, count } = scene();
  const objects = here.take(SIZE, 7 * CAPACITY);
  const counts = heap.countsOf(cache, () => {
    for (const object of objects) elsewhere.kfree(object);
  });
  expect(counts).toMatchObject({ BARN_PUT: 3, FREE_PCS: 7 * CAPACITY, SHEAF_ALLOC: 7 });
  expect([count("below main", 1), count("full"), count("spare", 1)]).toEqual([3, 3, 0]);
  // Down to nothing: the stack first, and the barn only then.
  const taken = heap.countsOf(cache, () => elsewhere.take(SIZE, 4 * CAPACITY));
  expect(taken).toEqual({ ALLOC_PCS: 4 * CAPACITY });
  const rest = heap.countsOf(cache, () => elsewhere.take(SIZE, 3 * CAPACITY));
  expect(rest).toEqual({ ALLOC_PCS: 3 * CAPACITY, BARN_GET: 3 });
  expect([count("empty"), count("spare", 1)]).toEqual([3, 3]);
});

test("its empty ones are used before the barn's, and those before new ones", () => {
  const { heap, here, cache, setBound } = scene();
  for (const object of here.take(SIZE, 3 * CAPACITY)) here.kfree(object);
  const objects = here.take(SIZE, 3 * CAPACITY);
  const counts = heap.countsOf(cache, () => {
    for (const object of objects) here.kfree(object);
  });
  expect(counts).toEqual({ FREE_PCS: 3 * CAPACITY });
  setBound(2);
  expect(textsOf(sheavesOf(heap.view, cache)).sort()).toEqual([
    ...[`below main 0: ${CAPACITY}`, `below main 0: ${CAPACITY}`, `main 0: ${CAPACITY}`],
  ]);
});

test("the bound is in bytes: so many sheaves as hold 64 KiB of objects, one at least", () => {
  const { heap } = sheafScene();
  const bound = (name: string) => {
    const { pcs_full, size, sheaf_capacity } = heap.cache(name);
    return { pcs_full, bytes: pcs_full * size * sheaf_capacity };
  };
  for (const name of ["kmalloc-8", "kmalloc-64", "kmalloc-512", "kmalloc-2k", "kmalloc-8k"]) {
    expect(bound(name).pcs_full).toBeGreaterThan(0);
    expect(bound(name).bytes).toBeLessThanOrEqual(64 * KIB);
  }
});

test.each(["take", "free"] as const)("a flush that was asked for comes first: %s", (way) => {
  const { heap, here, elsewhere, cache, count } = scene();
  const objects = here.take(SIZE, 6 * CAPACITY);
  for (const object of objects.slice(0, 4 * CAPACITY)) elsewhere.kfree(object);
  const kept = objects.slice(4 * CAPACITY);
  // The next slow path of the other one: after four sheaves of frees, or of allocations.
  here.exports.kmem_cache_shrink(cache.address);
  const mine: number[] = [];
  const counts = heap.countsOf(cache, () => {
    if (way === "take") mine.push(...elsewhere.take(SIZE, 4 * CAPACITY + 1));
    else for (const object of kept.splice(0)) elsewhere.kfree(object);
  });
  expect(counts.SHEAF_FREE).toBeGreaterThan(0);
  expect(count("sheaf_in_hand", 1)).toBe(0);
  heap.expectSound();
  for (const object of [...kept, ...mine]) here.kfree(object);
});

test("a constructor that shrinks its cache in a refill leaves the sheaf in hand alone", () => {
  const { heap, here } = scene();
  const hands: number[] = [];
  const name = "shrinks";
  const cache = here.createCache(name, 512, {
    ctor: () => {
      here.exports.kmem_cache_shrink(heap.cache(name).address);
      hands.push(heap.view.cpuCache(0, heap.cache(name).index).sheaf_in_hand);
    },
  });
  // The second refill finds a main that a flush could take.
  const { sheaf_capacity } = heap.cache(name);
  const objects = here.cacheTake(cache, sheaf_capacity + 1);
  expect(hands.length).toBeGreaterThan(sheaf_capacity);
  expect(hands).not.toContain(0);
  for (const object of objects) here.cacheFree(cache, object);
});

test("a sheaf below main that is not full fills up before any goes to the barn", () => {
  const { heap, here, cache, setBound } = scene();
  setBound(1);
  for (const object of here.take(SIZE, CAPACITY)) here.kfree(object);
  const sheaf = here.exports.kmem_cache_prefill_sheaf(cache.address, CAPACITY) >>> 0;
  const out = Array.from(
    { length: 5 },
    () => here.exports.kmem_cache_alloc_from_sheaf(cache.address, 0, sheaf) >>> 0,
  );
  const more = here.take(SIZE, CAPACITY);
  for (const object of more) here.kfree(object);
  expect(here.exports.kmem_cache_return_sheaf(cache.address, sheaf)).not.toBe(0);
  expect(textsOf(sheavesOf(heap.view, cache)).sort()).toContain(`below main 0: ${CAPACITY - 5}`);
  const counts = heap.countsOf(cache, () => {
    for (const object of out) here.kfree(object);
  });
  expect(counts).toEqual({ FREE_PCS: 5 });
  expect(textsOf(sheavesOf(heap.view, cache)).sort()).toEqual([
    ...[`below main 0: ${CAPACITY}`, `main 0: ${CAPACITY}`],
  ]);
});
