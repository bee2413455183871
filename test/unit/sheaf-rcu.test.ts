/**
 * Goal: what kfree_rcu() gives to sheaves is not reused or written to before its readers have left,
 * waits as a whole sheaf, comes back as one without a slab being touched, and is found by every
 * barrier. Method: readers and writers on simulated CPUs in one thread, every branch on purpose
 * with its counter; validate() after each test.
 */
import { createHeap, SLAB_ACCOUNT } from "slablab";
import { HEAP_SHEAVES } from "slablab/internal/heap/constants.js";
import { sheavesOf, waitsForReaders } from "slablab/internal/heap/sheaves.js";
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { BUILDS, MIB, TestHeap, type TestHeapOptions } from "./support/heap.js";
import { textsOf } from "./support/sheaves.js";

/** kmalloc-1k: sheaves of 12. */
const SIZE = 1024;
const CAPACITY = 12;
const PATTERN = 0x5c;

function scene(options: TestHeapOptions = {}) {
  const heap = new TestHeap({ cpus: 3, options: HEAP_SHEAVES, ...options });
  const [here, reader, third] = heap.cpus() as [TestCpu, TestCpu, TestCpu];
  return { heap, here, reader, third, ...around(heap) };
}

function around(heap: TestHeap) {
  const cache = heap.cache("kmalloc-1k");
  const places = () => textsOf(sheavesOf(heap.view, cache).filter(waitsForReaders)).sort();
  const give = (cpu: TestCpu, objects: readonly number[]) => {
    for (const object of objects) expect(cpu.kfreeRcu(object)).toBe(true);
  };
  return { cache, places, give };
}

/** The build `release` has no sheaves. */
describe.each(BUILDS.filter((build) => build !== "release"))("in the build %s", (build) => {
  test("an object is as it was until its reader has left, and is used again then", () => {
    const { heap, here, reader, give } = scene({ build });
    const objects = here.take(SIZE, 2 * CAPACITY);
    for (const object of objects) heap.fill(object, SIZE, PATTERN);
    reader.exports.rcu_read_lock();
    give(here, objects);
    here.poll();
    const others = here.take(SIZE, 60);
    expect(others.filter((object) => objects.includes(object))).toEqual([]);
    for (const object of objects) {
      const bytes = heap.bytes.subarray(object, object + SIZE);
      expect(bytes.every((byte) => byte === PATTERN)).toBe(true);
    }
    reader.exports.rcu_read_unlock();
    here.poll();
    const again = here.take(SIZE, 2 * CAPACITY);
    expect(again.filter((object) => objects.includes(object)).length).toBeGreaterThan(CAPACITY);
    for (const object of [...others, ...again]) here.kfree(object);
  });

  test("destroy finds what a CPU that stands still has put into a sheaf", () => {
    const { here, third } = scene({ build });
    const cache = here.createCache("rcu-sheaf", 100);
    const take = () => here.exports.kmem_cache_alloc(cache.address, 0) >>> 0;
    for (const cpu of [here, third]) {
      for (let i = 0; i < 5; i++) expect(cpu.kfreeRcu(take())).toBe(true);
    }
    expect(here.destroyCache(cache)).toBe(0);
  });
});

test("a full sheaf waits for one period and becomes a full sheaf of the barn", () => {
  const { heap, here, reader, cache, places, give } = scene();
  const objects = here.take(SIZE, CAPACITY);
  reader.exports.rcu_read_lock();
  const queued = heap.countsOf(cache, () => give(here, objects));
  expect(queued).toEqual({ FREE_RCU_SHEAF: CAPACITY, SHEAF_ALLOC: 1 });
  expect(places()).toEqual([`sheaves_wait 0: ${CAPACITY}`]);
  give(here, here.take(SIZE, 1));
  expect(places()).toEqual(["rcu_free 0: 1", `sheaves_wait 0: ${CAPACITY}`]);
  reader.exports.rcu_read_unlock();
  const freed = heap.countsOf(cache, () => here.exports.rcu_barrier());
  // The part-full one is flushed, and its sheaf kept.
  expect(freed).toMatchObject({ BARN_PUT: 1, SHEAF_FLUSH: 1 });
  expect(places()).toEqual([]);
  expect(sheavesOf(heap.view, cache).filter(({ place }) => place === "full")).toHaveLength(1);
  // It is what another CPU takes when it has nothing: the slabs are not asked.
  const taken = heap.countsOf(cache, () => reader.take(SIZE, CAPACITY));
  expect(taken).toEqual({ ALLOC_PCS: CAPACITY, BARN_GET: 1 });
});

test("the next sheaf is an empty one of the barn, if that has any", () => {
  const { heap, here, cache, give } = scene();
  give(here, here.take(SIZE, 1));
  here.exports.rcu_barrier();
  const counts = heap.countsOf(cache, () => give(here, here.take(SIZE, 1)));
  expect(counts).not.toHaveProperty("SHEAF_ALLOC");
  here.exports.rcu_barrier();
});

test("a barrier takes what idle CPUs have put into sheaves, of every cache", () => {
  const { heap, here, reader, third, cache, places, give } = scene();
  give(reader, here.take(SIZE, 3));
  give(third, here.take(SIZE, 4));
  give(third, here.take(64, 4));
  expect(places()).toEqual(["rcu_free 1: 3", "rcu_free 2: 4"]);
  const counts = heap.countsOf(cache, () => expect(here.exports.rcu_barrier()).toBe(1));
  expect(counts).toMatchObject({ SHEAF_FLUSH: 7 });
  expect(places()).toEqual([]);
  const small = sheavesOf(heap.view, heap.cache("kmalloc-64")).filter(waitsForReaders);
  expect(small).toEqual([]);
});

test("a barrier that may not wait says so while a reader is there, and loses nothing", () => {
  const heap = new TestHeap({ cpus: 2, options: HEAP_SHEAVES });
  const [bounded, reader] = [heap.cpu(0, { mayWait: false }), heap.cpu(1)];
  const { places, give } = around(heap);
  give(bounded, bounded.take(SIZE, 3));
  reader.exports.rcu_read_lock();
  expect(bounded.exports.rcu_barrier()).toBe(0);
  expect(places()).toEqual(["sheaves_wait 0: 3"]);
  reader.exports.rcu_read_unlock();
  expect(bounded.exports.rcu_barrier()).toBe(1);
  expect(places()).toEqual([]);
});

test("poll hands part-full sheaves over; slow paths serve what waits, fast paths do not", () => {
  const { here, reader, places, give } = scene();
  const objects = here.take(SIZE, 3);
  reader.exports.rcu_read_lock();
  give(here, objects);
  here.kfree(here.kmalloc(SIZE));
  expect(places()).toEqual(["rcu_free 0: 3"]);
  here.poll();
  expect(places()).toEqual(["sheaves_wait 0: 3"]);
  reader.exports.rcu_read_unlock();
  here.takeAll(8192);
  expect(places()).toEqual([]);
});

test("a CPU that goes offline leaves its sheaves to the heap, whom any CPU serves", () => {
  const { here, reader, third, places, give } = scene();
  reader.exports.rcu_read_lock();
  give(here, here.take(SIZE, CAPACITY));
  give(here, here.take(SIZE, CAPACITY + 5));
  here.offline();
  expect(places()).toEqual(["sheaves -1: 12", "sheaves -1: 12", "sheaves -1: 5"]);
  reader.exports.rcu_read_unlock();
  third.poll();
  expect(places()).toEqual([]);
});

test("a full barn wants no more: the objects go to their slabs", () => {
  const { heap, here, cache, give } = scene();
  const { barn_full } = cache;
  give(here, here.take(SIZE, (barn_full + 3) * CAPACITY));
  here.exports.rcu_barrier();
  const full = sheavesOf(heap.view, cache).filter(({ place }) => place === "full");
  expect(full).toHaveLength(barn_full);
  expect(heap.stat(cache, "SHEAF_FLUSH")).toBeGreaterThanOrEqual(2 * CAPACITY);
});

test("what has waited is memory: an allocation gets it before it says there is none", () => {
  const { here, third, give } = scene({ maximumBytes: 4 * MIB });
  const large = here.takeAll(8192);
  for (const object of large) here.kfree(object);
  const small = here.takeAll(2048);
  give(third, small);
  expect(here.takeAll(8192).length).toBeGreaterThan(large.length - 60);
});

test("what readers may see is not taken when memory is out", () => {
  const { heap, here, reader, give } = scene({ maximumBytes: 4 * MIB });
  const all = here.takeAll(2048);
  // Room for what they are noted in: without it kfree_rcu() would wait for the reader.
  here.kfreeBulk(all.slice(0, 100));
  const small = all.slice(100);
  reader.exports.rcu_read_lock();
  for (const object of small) heap.fill(object, 2048, PATTERN);
  give(here, small);
  const got = here.takeAll(2048);
  expect(got.filter((object) => small.includes(object))).toEqual([]);
  reader.exports.rcu_read_unlock();
  here.exports.rcu_barrier();
  for (const object of got) here.kfree(object);
});

test("shrink gives back what has waited on any CPU", () => {
  const { heap, here, third, cache, places, give } = scene();
  give(third, here.take(SIZE, CAPACITY + 4));
  const before = heap.slabCount(cache);
  here.exports.kmem_cache_shrink(cache.address);
  expect(places()).toEqual([]);
  expect(heap.slabCount(cache)).toBeLessThan(before);
});

test("an NMI queues onto what is there, and takes no memory for a sheaf", () => {
  const { heap, here, cache, places, give } = scene();
  const objects = here.take(SIZE, 3);
  const first = heap.countsOf(cache, () => here.nmi(() => give(here, objects.slice(0, 1))));
  expect(first).toEqual({ FREE_RCU_SHEAF_FAIL: 1 });
  give(here, objects.slice(1, 2));
  const next = heap.countsOf(cache, () => here.nmi(() => give(here, objects.slice(2))));
  expect(next).toEqual({ FREE_RCU_SHEAF: 1 });
  expect(places()).toEqual(["rcu_free 0: 2"]);
  here.exports.rcu_barrier();
});

test("an object of another node waits in a page of addresses", () => {
  const { heap, here, reader, cache, places, give } = scene({ nodes: 2, initialBytes: 16 * MIB });
  const [theirs = 0] = reader.take(SIZE, 1);
  expect(heap.slabOf(theirs).node).toBe(1);
  const counts = heap.countsOf(cache, () => give(here, [theirs]));
  expect(counts).toEqual({ FREE_RCU_SHEAF_FAIL: 1 });
  expect(places()).toEqual([]);
  here.exports.rcu_barrier();
});

test("what was put into a sheaf last is refused as freed already", () => {
  const { here } = scene();
  const [one = 0, two = 0] = here.take(SIZE, 2);
  for (const object of [one, two]) {
    here.kfreeRcu(object);
    expect(here.exports.check_object(object)).toBe(5);
  }
  here.exports.rcu_barrier();
});

test("objects of SLAB_TYPESAFE_BY_RCU wait like any other, and their slabs once more", () => {
  const { heap, here, reader } = scene();
  const cache = here.createCache("typesafe", 200, { flags: 0x8 });
  const take = () => here.exports.kmem_cache_alloc(cache.address, 0) >>> 0;
  const objects = Array.from({ length: 130 }, take);
  reader.exports.rcu_read_lock();
  for (const object of objects) here.kfreeRcu(object);
  expect(Array.from({ length: 130 }, take).some((object) => objects.includes(object))).toBe(false);
  reader.exports.rcu_read_unlock();
  expect(here.exports.rcu_barrier()).toBe(1);
  heap.expectSound();
});

test("an object is charged until its reader has left", () => {
  const { heap, here, reader } = scene();
  const group = here.memcgCreate("group");
  here.memcgSet(group);
  const cache = here.createCache("charged", 1000, { flags: SLAB_ACCOUNT });
  const take = () => here.exports.kmem_cache_alloc(cache.address, 0) >>> 0;
  const objects = Array.from({ length: cache.sheaf_capacity }, take);
  const pages = heap.memcg(group).usage_pages;
  expect(pages).toBeGreaterThan(2);
  reader.exports.rcu_read_lock();
  for (const object of objects) here.kfreeRcu(object);
  here.poll();
  expect(heap.memcg(group).usage_pages).toBe(pages);
  heap.expectSound();
  reader.exports.rcu_read_unlock();
  here.exports.rcu_barrier();
  expect(heap.memcg(group).usage_pages).toBeLessThan(pages);
});

test("slabinfo counts what waits for a reader as in use", async () => {
  const heap = await createHeap({ cpus: 2, percpu: "sheaf" });
  const [cpu, reader] = [heap.cpu(), heap.cpu()];
  const cache = cpu.kmemCacheCreate({ name: "task", size: 1000 });
  const objects = Array.from({ length: 30 }, () => cache.alloc());
  const active = () => heap.slabinfo().find(({ name }) => name === "task")?.active_objs ?? 0;
  const before = active();
  reader.rcuReadLock();
  for (const object of objects) cpu.kfreeRcu(object);
  expect(active()).toBe(before);
  reader.rcuReadUnlock();
  cpu.rcuBarrier();
  expect(active()).toBeLessThan(before);
  expect(heap.validate()).toEqual([]);
  expect(cache.destroy()).toMatchObject({ released: true });
});
