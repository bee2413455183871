/**
 * Goal: a prefilled sheaf is what 7.0's is - every way it is got and given back, with its counter -
 * and misuse of one gets a sentence. Method: each branch on purpose by the exports, in the build
 * that counts; misuse by the library; validate() after every test.
 */
import { __GFP_ZERO, createHeap, SLAB_ACCOUNT } from "slablab";
import { HEAP_SHEAVES } from "slablab/internal/heap/constants.js";
import { sheavesOf } from "slablab/internal/heap/sheaves.js";
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { BUILDS, type Build, MIB, TestHeap, type TestHeapOptions } from "./support/heap.js";
import { keepOne, textsOf } from "./support/sheaves.js";

/** Sheaves of 12. */
const SIZE = 1000 + 24;
const CAPACITY = 12;

function scene(options: TestHeapOptions = {}) {
  const heap = new TestHeap({ cpus: 2, options: HEAP_SHEAVES, ...options });
  const [here, elsewhere] = heap.cpus() as [TestCpu, TestCpu];
  const cache = here.createCache("task", SIZE);
  keepOne(heap, cache);
  const { address } = cache;
  const places = () => textsOf(sheavesOf(heap.view, cache)).sort();
  const prefill = (count: number, cpu = here) =>
    cpu.exports.kmem_cache_prefill_sheaf(address, count) >>> 0;
  const take = (sheaf: number, gfp = 0, cpu = here) =>
    cpu.exports.kmem_cache_alloc_from_sheaf(address, gfp, sheaf) >>> 0;
  const give = (sheaf: number, cpu = here) =>
    cpu.exports.kmem_cache_return_sheaf(address, sheaf) !== 0;
  const sizeOf = (sheaf: number) => here.exports.kmem_cache_sheaf_size(sheaf);
  return { heap, here, elsewhere, cache, places, prefill, take, give, sizeOf };
}

test("a fresh sheaf is filled from slabs, gives its objects, and becomes a spare one", () => {
  const { heap, cache, places, here, prefill, take, give, sizeOf } = scene();
  let sheaf = 0;
  const counts = heap.countsOf(cache, () => {
    sheaf = prefill(5);
  });
  expect(counts).toMatchObject({
    ...{ SHEAF_PREFILL_SLOW: 1, BARN_GET_FAIL: 1, SHEAF_ALLOC: 1, SHEAF_REFILL: CAPACITY },
  });
  expect(places()).toEqual([`prefilled 0: ${CAPACITY}`]);
  const objects = Array.from({ length: CAPACITY }, () => take(sheaf));
  expect(new Set(objects).size).toBe(CAPACITY);
  expect(objects).not.toContain(0);
  expect(take(sheaf)).toBe(0);
  expect(sizeOf(sheaf)).toBe(0);
  expect(heap.countsOf(cache, () => give(sheaf))).toEqual({ SHEAF_RETURN_FAST: 1 });
  expect(places()).toEqual(["spare 0: 0"]);
  for (const object of objects) here.cacheFree(cache, object);
});

test("what lies below main comes first, as it is if it has enough: SHEAF_PREFILL_FAST", () => {
  const { heap, here, cache, prefill, give, places } = scene();
  for (const object of here.cacheTake(cache, 2 * CAPACITY)) here.cacheFree(cache, object);
  expect(places()).toEqual([`below main 0: ${CAPACITY}`, `main 0: ${CAPACITY}`]);
  let sheaf = 0;
  expect(
    heap.countsOf(cache, () => {
      sheaf = prefill(CAPACITY);
    }),
  ).toEqual({ SHEAF_PREFILL_FAST: 1 });
  expect(places()).toEqual([`main 0: ${CAPACITY}`, `prefilled 0: ${CAPACITY}`]);
  expect(give(sheaf)).toBe(true);
});

test("then a full one of the barn: BARN_GET", () => {
  const { heap, here, elsewhere, cache, prefill, give } = scene();
  const objects = here.cacheTake(cache, 4 * CAPACITY);
  const [first] = objects;
  expect(first).not.toBe(0);
  for (const object of objects) elsewhere.cacheFree(cache, object);
  // It has none itself.
  const own = prefill(1);
  let sheaf = 0;
  const counts = heap.countsOf(cache, () => {
    sheaf = prefill(CAPACITY);
  });
  expect(counts).toEqual({ SHEAF_PREFILL_SLOW: 1, BARN_GET: 1 });
  expect([give(own), give(sheaf)]).toEqual([true, true]);
});

test("more than the capacity: a sheaf for this alone, which is flushed when it comes back", () => {
  const { heap, cache, prefill, take, give, sizeOf, here, places } = scene();
  let sheaf = 0;
  const counts = heap.countsOf(cache, () => {
    sheaf = prefill(100);
  });
  expect(counts).toMatchObject({ SHEAF_PREFILL_OVERSIZE: 1, SHEAF_REFILL: 100 });
  expect(sizeOf(sheaf)).toBe(100);
  const object = take(sheaf);
  const back = heap.countsOf(cache, () => give(sheaf));
  expect(back).toMatchObject({ SHEAF_FLUSH: 99, SHEAF_FREE: 1 });
  expect(back).not.toHaveProperty("SHEAF_RETURN_FAST");
  expect(places()).toEqual([]);
  here.cacheFree(cache, object);
  expect(prefill(2044)).not.toBe(0);
  here.offline();
});

test("a return to a full stack: refilled and to the barn; flushed if that has no room", () => {
  const { heap, here, cache, prefill, take, give, places } = scene();
  const [first, one, other, last] = [prefill(3), prefill(3), prefill(3), prefill(3)];
  const objects = [take(first), take(one), take(other), take(last)];
  give(first);
  give(one);
  const counts = heap.countsOf(cache, () => give(other));
  expect(counts).toMatchObject({ SHEAF_RETURN_SLOW: 1, SHEAF_REFILL: 1, BARN_PUT: 1 });
  expect(places()).toContain(`full 0: ${CAPACITY}`);
  heap.setU32(cache.address + heap.table.offsets.kmem_cache.barn_full, 1);
  const flushed = heap.countsOf(cache, () => give(last));
  expect(flushed).toMatchObject({ SHEAF_RETURN_SLOW: 1, SHEAF_FLUSH: CAPACITY - 1, SHEAF_FREE: 1 });
  for (const object of objects) here.cacheFree(cache, object);
});

test("a refill tops up, or changes a sheaf for a larger one", () => {
  const { here, prefill, take, give, sizeOf, cache, places } = scene();
  const sheaf = prefill(4);
  const objects = Array.from({ length: 10 }, () => take(sheaf));
  const refill = (which: number, count: number) =>
    here.exports.kmem_cache_refill_sheaf(cache.address, which, count) >>> 0;
  expect(refill(sheaf, 2)).toBe(sheaf);
  expect(sizeOf(sheaf)).toBe(2);
  expect(refill(sheaf, 3)).toBe(sheaf);
  expect(sizeOf(sheaf)).toBe(CAPACITY);
  const larger = refill(sheaf, 40);
  expect(larger).not.toBe(sheaf);
  expect(sizeOf(larger)).toBe(40);
  expect(places()).toEqual([`main 0: ${CAPACITY}`, "prefilled 0: 40"]);
  expect(refill(larger, 5000)).toBe(0);
  expect(sizeOf(larger)).toBe(40);
  give(larger);
  for (const object of objects) here.cacheFree(cache, object);
});

test("where nobody may wait it is refused, but for allocating, which works anywhere", () => {
  const { here, prefill, take, give, cache } = scene();
  const sheaf = prefill(3);
  here.nmi(() => {
    expect(prefill(1)).toBe(0);
    expect(give(sheaf)).toBe(false);
    expect(here.exports.kmem_cache_refill_sheaf(cache.address, sheaf, CAPACITY)).toBe(sheaf);
    expect(here.exports.kmem_cache_refill_sheaf(cache.address, sheaf, 100)).toBe(0);
    const object = take(sheaf);
    expect(object).not.toBe(0);
    here.cacheFree(cache, object);
  });
  expect(give(sheaf)).toBe(true);
  expect(give(sheaf), "twice").toBe(false);
  expect([prefill(0), prefill(2045), prefill(0xffff_ffff)]).toEqual([0, 0, 0]);
});

test("of another CPU or cache it is no sheaf that could be returned", () => {
  const { here, elsewhere, prefill, give, cache } = scene();
  const sheaf = prefill(3);
  expect(give(sheaf, elsewhere)).toBe(false);
  const other = here.createCache("other", SIZE);
  expect(here.exports.kmem_cache_return_sheaf(other.address, sheaf)).toBe(0);
  expect(give(12345)).toBe(false);
  expect(here.destroyCache(cache), "one is out").toBeGreaterThan(0);
  expect(give(sheaf)).toBe(true);
  expect(here.destroyCache(cache)).toBe(0);
});

test("an empty sheaf that is out keeps its cache; a CPU that leaves returns it", () => {
  const { here, elsewhere, cache, prefill, take, places } = scene();
  const sheaf = prefill(CAPACITY, elsewhere);
  const objects = Array.from({ length: CAPACITY }, () => take(sheaf, 0, elsewhere));
  for (const object of objects) here.cacheFree(cache, object);
  expect(here.destroyCache(cache)).toBeGreaterThan(0);
  expect(places()).toContain("prefilled 0: 0");
  elsewhere.offline();
  expect(places().filter((each) => each.startsWith("prefilled"))).toEqual([]);
  expect(here.destroyCache(cache)).toBe(0);
});

test("shrink, and memory that is out, leave what is prefilled alone", () => {
  const { here, prefill, take, sizeOf, give, cache } = scene({ maximumBytes: 4 * MIB });
  const sheaf = prefill(CAPACITY);
  here.exports.kmem_cache_shrink(cache.address);
  const all = here.takeAll(8192).concat(here.takeAll(64));
  expect(sizeOf(sheaf)).toBe(CAPACITY);
  expect(prefill(500)).toBe(0);
  const object = take(sheaf);
  expect(object).not.toBe(0);
  for (const each of all) here.kfree(each);
  here.cacheFree(cache, object);
  give(sheaf);
});

test("what lies in other sheaves is never the reason why a prefill fails", () => {
  const { here, prefill, give, sizeOf } = scene({ maximumBytes: 4 * MIB });
  const small = here.takeAll(2048);
  for (const object of small) here.kfree(object);
  const sheaf = prefill(400);
  expect(sizeOf(sheaf)).toBe(400);
  give(sheaf);
});

describe.each<Build>(BUILDS.filter((build) => build !== "release"))("%s", (build) => {
  test("an object is charged and cleared when it leaves; a full group fails none", () => {
    const { heap, here } = scene({ build });
    const group = here.memcgCreate("group", 1);
    here.memcgSet(group);
    const cache = here.createCache("charged", 1000, { flags: SLAB_ACCOUNT });
    const sheaf = here.exports.kmem_cache_prefill_sheaf(cache.address, 20) >>> 0;
    expect(heap.memcg(group).objectBytes).toBe(0);
    const objects = Array.from(
      { length: 20 },
      () => here.exports.kmem_cache_alloc_from_sheaf(cache.address, __GFP_ZERO, sheaf) >>> 0,
    );
    expect(objects).not.toContain(0);
    expect(heap.memcg(group).failcnt).toBeGreaterThan(0);
    expect(heap.memcg(group).objectBytes).toBeGreaterThan(1000);
    expect(objects.every((object) => heap.u32(object + 500) === 0)).toBe(true);
    here.exports.kmem_cache_return_sheaf(cache.address, sheaf);
    here.kfreeBulk(objects);
    expect(here.destroyCache(cache)).toBe(0);
  });
});

test("caches with slab_debug have one made for each prefill", () => {
  const { heap, here, prefill, take, give, cache } = scene({ build: "debug", slabDebug: "FZPU" });
  expect(cache.sheaf_capacity).toBe(0);
  const sheaf = prefill(5);
  expect(heap.stat(cache, "SHEAF_PREFILL_OVERSIZE")).toBe(1);
  const object = take(sheaf);
  give(sheaf);
  here.cacheFree(cache, object);
  expect(here.destroyCache(cache)).toBe(0);
});

describe("the library", () => {
  async function make() {
    const heap = await createHeap({ cpus: 2, percpu: "sheaf" });
    const cpu = heap.cpu();
    const cache = cpu.kmemCacheCreate({ name: "task", size: SIZE });
    const sheaf = cache.prefillSheaf(5);
    if (sheaf === null) throw new Error("expected memory for a sheaf");
    return { heap, cpu, cache, sheaf };
  }

  test("gives objects that are freed as any other", async () => {
    const { heap, cache, sheaf } = await make();
    expect(sheaf.size).toBe(CAPACITY);
    const objects = [sheaf.alloc(), sheaf.alloc(__GFP_ZERO)];
    expect(sheaf.refill(30)).toBe(true);
    expect(sheaf.size).toBe(30);
    expect(cache.destroy()).toMatchObject({ released: false, sheaves: 1, objects: objects.sort() });
    sheaf.return();
    cache.freeBulk(objects);
    expect(() => cache.free(objects[0] ?? 0)).toThrow(/free already/);
    expect(cache.destroy()).toMatchObject({ released: true, sheaves: 0 });
    expect(heap.validate()).toEqual([]);
  });

  test("says what is wrong with a sheaf that was returned", async () => {
    const { heap, sheaf } = await make();
    sheaf.return();
    const gone = /expected a sheaf of task that is out, got one that was returned; get another/;
    expect(() => sheaf.return()).toThrow(gone);
    expect(() => sheaf.alloc()).toThrow(gone);
    expect(() => sheaf.refill(1)).toThrow(gone);
    expect(() => sheaf.size).toThrow(gone);
    expect(heap.validate()).toEqual([]);
  });

  test.each([0, -1, 2045, 1.5, "5", null, undefined])("refuses to prefill %j", async (count) => {
    const { heap, cache, sheaf } = await make();
    const bad = /count: expected an integer in/;
    expect(() => cache.prefillSheaf(count as number)).toThrow(bad);
    expect(() => sheaf.refill(count as number)).toThrow(bad);
    expect(heap.validate()).toEqual([]);
  });

  test("says that an empty one is empty, and where it cannot be used", async () => {
    const { heap, cpu, cache, sheaf } = await make();
    const objects = Array.from({ length: CAPACITY }, () => sheaf.alloc());
    expect(() => sheaf.alloc()).toThrow(/expected a sheaf of task with objects, got an empty one/);
    expect(() => cpu.nmi(() => sheaf.return())).toThrow(/outside nmi\(\)/);
    expect(() => cpu.nmi(() => sheaf.refill(1))).toThrow(/outside nmi\(\)/);
    expect(() => cpu.nmi(() => cache.prefillSheaf(1))).toThrow(/outside nmi\(\)/);
    expect(() => sheaf.alloc(0x80)).toThrow(/flags: expected/);
    cache.freeBulk(objects);
    cpu.offline();
    expect(() => sheaf.return()).toThrow(/offline/);
    expect(heap.validate()).toEqual([]);
  });

  test("says that a heap without sheaves has none, and that a cache is gone", async () => {
    const slabs = (await createHeap({ cpus: 1, percpu: "slab" })).cpu();
    const without = slabs.kmemCacheCreate({ name: "task", size: 64 });
    expect(() => without.prefillSheaf(1)).toThrow(/expected a heap with sheaves, got one with/);
    const { cache, sheaf } = await make();
    sheaf.return();
    cache.destroy();
    expect(() => cache.prefillSheaf(1)).toThrow(/got one that was destroyed/);
  });

  test("rethrows what a constructor throws, and keeps nothing", async () => {
    const heap = await createHeap({ cpus: 1, percpu: "sheaf" });
    const cpu = heap.cpu();
    const ctor = () => {
      throw new Error("no object");
    };
    const cache = cpu.kmemCacheCreate({ name: "bad", size: 64, ctor });
    expect(() => cache.prefillSheaf(3)).toThrow(/no object/);
    expect(heap.validate()).toEqual([]);
    expect(cache.destroy().released).toBe(true);
  });
});
