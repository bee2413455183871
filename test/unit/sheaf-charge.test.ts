/**
 * Goal: caches that charge have sheaves, and an object in one is charged to nobody. Method: each
 * way in and out; validate() after every test adds up all charges, and finds a free object that is
 * charged.
 */
import { SLAB_ACCOUNT } from "slablab";
import { HEAP_SHEAVES } from "slablab/internal/heap/constants.js";
import { objectsInSheaves, sheavesOf } from "slablab/internal/heap/sheaves.js";
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { BUILDS, type Build, PAGE, TestHeap } from "./support/heap.js";

const GFP_ACCOUNT = 2;

function scene(build: Build = "stats", limitPages = 1000) {
  const heap = new TestHeap({ cpus: 2, options: HEAP_SHEAVES, build, maxCaches: 40 });
  const [here, elsewhere] = heap.cpus() as [TestCpu, TestCpu];
  const group = here.memcgCreate("group", limitPages);
  here.memcgSet(group);
  const cache = here.createCache("charged", 1000, { flags: SLAB_ACCOUNT });
  return { heap, here, elsewhere, group, cache };
}

describe.each<Build>(BUILDS.filter((build) => build !== "release"))("%s", (build) => {
  test("an object is charged when it leaves a sheaf, and discharged when it comes", () => {
    const { heap, here, elsewhere, group, cache } = scene(build);
    expect(cache.sheaf_capacity).toBe(28);
    const charged = () => heap.memcg(group).objectBytes;
    const objects = here.cacheTake(cache, 3);
    const each = charged() / 3;
    expect(each).toBeGreaterThan(1000);
    expect(objectsInSheaves(heap.view, cache).size).toBe(25);
    for (const object of objects) elsewhere.cacheFree(cache, object);
    expect(charged()).toBe(0);
    // No group there: the same objects, uncharged.
    const others = elsewhere.cacheTake(cache, 3);
    expect(charged()).toBe(0);
    const many = [...here.cacheAllocBulk(cache, 60), ...others];
    expect(charged()).toBe(60 * each);
    here.kfreeBulk(many);
    expect(charged()).toBe(0);
    const nolock = Array.from({ length: 5 }, () => here.nmi(() => here.cacheAllocNolock(cache)));
    expect(charged()).toBe(5 * each);
    for (const object of nolock) here.nmi(() => here.kfreeNolock(object));
    expect(charged()).toBe(0);
    expect(here.destroyCache(cache)).toBe(0);
  });
});

test("kmalloc() with __GFP_ACCOUNT comes from the sheaves of kmalloc-cg, and so do frees", () => {
  const { heap, here, group } = scene();
  const object = here.kmalloc(64, GFP_ACCOUNT);
  const cache = heap.cache("kmalloc-cg-64");
  expect(heap.counts(cache)).toMatchObject({ ALLOC_PCS: 1, SHEAF_REFILL: 60 });
  expect(heap.memcg(group).objectBytes).toBe(68);
  expect(heap.countsOf(cache, () => here.kfree(object))).toEqual({ FREE_PCS: 1 });
  expect(heap.memcg(group).objectBytes).toBe(0);
});

test("a full group: the object goes back to the sheaf, free and uncharged", () => {
  const { heap, here, group, cache } = scene("stats", 1);
  const objects = Array.from({ length: 10 }, () => here.cacheAlloc(cache)).filter(
    (object) => object !== 0,
  );
  expect(objects.length).toBeLessThanOrEqual(PAGE / 1000);
  expect(heap.memcg(group)).toMatchObject({ usage_pages: 1 });
  expect(objectsInSheaves(heap.view, cache).size).toBe(28 - objects.length);
  for (const object of objects) here.cacheFree(cache, object);
  expect(sheavesOf(heap.view, cache).map(({ size }) => size)).toContain(28);
});
