/**
 * Goal: caches are created, found, constructed and destroyed as their users expect. Method: raw
 * calls in every build, the smallest and the largest objects among them.
 */
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { type Build, BUILDS, MIB, PAGE, TestHeap } from "./support/heap.js";

describe.each<Build>(BUILDS)("in the build %s", (build) => {
  test("objects of 1 to 16 bytes are distinct and keep what is written to all of them", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    for (let size = 1; size <= 16; size++) {
      const cache = cpu.createCache(`tiny-${size}`, size);
      const objects = cpu.cacheTake(cache, 2 * cache.objects);
      expect(new Set(objects).size, `size ${size}`).toBe(objects.length);
      objects.forEach((object, index) => {
        heap.fill(object, size, index & 0xff);
      });
      const isKept = (object: number, index: number) =>
        heap.bytes.subarray(object, object + size).every((byte) => byte === (index & 0xff));
      expect(objects.filter(isKept).length, `size ${size}`).toBe(objects.length);
      // Nor does a free write to its neighbours: the debug build's stamp once did.
      for (const object of objects.filter((_, index) => index % 2 === 0)) cpu.kfree(object);
      const others = objects.filter((object, index) => index % 2 === 1 && isKept(object, index));
      expect(others.length, `size ${size}`).toBe(objects.length >> 1);
      for (const object of objects.filter((_, index) => index % 2 === 1)) cpu.kfree(object);
      heap.expectSound();
      expect(cpu.destroyCache(cache), `size ${size}`).toBe(0);
    }
  });

  test("a constructor runs once for each object of a new slab, and never at a reuse", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    const constructed: number[] = [];
    const ctor = (object: number) => {
      constructed.push(object);
      heap.fill(object, 24, 0xc7);
    };
    const cache = cpu.createCache("constructed", 24, { ctor });
    const first = cpu.cacheAlloc(cache);
    expect(constructed.length).toBe(cache.objects);
    expect(new Set(constructed).size).toBe(cache.objects);
    expect(constructed).toContain(first);
    // Freed as it was constructed, it comes back as it was: the allocator writes behind it.
    for (let round = 0; round < 3; round++) {
      cpu.kfree(first);
      expect(cpu.cacheAlloc(cache)).toBe(first);
      expect([...heap.bytes.subarray(first, first + 24)]).toEqual(Array(24).fill(0xc7));
    }
    expect(constructed.length).toBe(cache.objects);
  });

  test("an object deferred by a nolock free stays constructed", () => {
    const heap = new TestHeap({ build });
    const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
    const ctor = (object: number) => heap.fill(object, 16, 0xc7);
    const cache = cpu.createCache("constructed", 16, { ctor });
    const object = cpu.cacheAlloc(cache);
    other.kfreeNolock(object);
    expect([...heap.bytes.subarray(object, object + 16)]).toEqual(Array(16).fill(0xc7));
    other.poll();
    expect([...heap.bytes.subarray(object, object + 16)]).toEqual(Array(16).fill(0xc7));
  });

  test("a constructor that throws makes the allocation fail and leaves no slab behind", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    let left = 0;
    const ctor = () => {
      if (left-- <= 0) throw new Error("planted");
    };
    const cache = cpu.createCache("throwing", 64, { ctor });
    const free = heap.freePages();
    for (const throwAt of [0, 1, cache.objects - 1]) {
      left = throwAt;
      expect(cpu.cacheAlloc(cache), `throwing at object ${throwAt}`).toBe(0);
      expect(heap.slabCount(cache)).toBe(0);
    }
    cpu.offline();
    expect(heap.freePages()).toBeGreaterThanOrEqual(free);
    left = Number.POSITIVE_INFINITY;
    expect(heap.cpu(0).cacheAlloc(cache)).not.toBe(0);
  });
});

test("every alignment from 8 to 4096 is kept by every object", () => {
  const cpu = new TestHeap().cpu(0);
  for (let align = 1; align <= 4096; align *= 2) {
    for (const size of [8, 24, 100, 5000]) {
      const cache = cpu.createCache("aligned", size, { align });
      const objects = cpu.cacheTake(cache, cache.objects + 1);
      const unit = Math.max(8, align);
      expect(
        objects.filter((object) => object % unit !== 0),
        `${size} at ${align}`,
      ).toEqual([]);
      for (const object of objects) cpu.kfree(object);
      expect(cpu.destroyCache(cache)).toBe(0);
    }
  }
});

test("objects from 8 KiB to 4 MiB have caches too, one object a slab where no more fit", () => {
  const cpu = new TestHeap({ maximumBytes: 64 * MIB }).cpu(0);
  for (const size of [PAGE * 4, PAGE * 8, PAGE * 8 + 1, MIB, 4 * MIB]) {
    const cache = cpu.createCache(`large-${size}`, size);
    const objects = cpu.cacheTake(cache, 3);
    expect(new Set(objects).size).toBe(3);
    for (const object of objects) cpu.kfree(object);
    expect(cpu.destroyCache(cache), `size ${size}`).toBe(0);
  }
});

test("a name is found by every CPU, is unique, and is free again after destroy", () => {
  const heap = new TestHeap();
  const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
  const cache = cpu.createCache("thirty-one-bytes-is-the-longest", 40);
  expect(other.openCache("thirty-one-bytes-is-the-longest")).toBe(cache.address);
  expect(other.openCache("thirty-one-bytes-is-the-longes")).toBe(0);
  expect(other.openCache("kmalloc-64")).toBe(heap.cache("kmalloc-64").address);
  expect(other.tryCreateCache("thirty-one-bytes-is-the-longest", 48)).toBe(0);
  expect(other.tryCreateCache("kmalloc-64", 64)).toBe(0);
  expect(cpu.destroyCache(cache)).toBe(0);
  expect(other.openCache("thirty-one-bytes-is-the-longest")).toBe(0);
  other.createCache("thirty-one-bytes-is-the-longest", 48);
});

test("impossible sizes and alignments are refused and leave the table as it was", () => {
  const heap = new TestHeap({ maxCaches: 16 });
  const cpu = heap.cpu(0);
  expect(cpu.tryCreateCache("empty", 0)).toBe(0);
  expect(cpu.tryCreateCache("huge", 4 * MIB + 1)).toBe(0);
  expect(cpu.tryCreateCache("absurd", 0xffff_ffff)).toBe(0);
  expect(cpu.tryCreateCache("crooked", 64, { align: 24 })).toBe(0);
  cpu.createCache("first", 64);
  cpu.createCache("second", 64);
  // Entries 0 to 13 are taken by the buckets: sixteen leave two.
  expect(cpu.tryCreateCache("third", 64)).toBe(0);
});

test("a cache with live objects goes on, and is released once they are freed", () => {
  const heap = new TestHeap();
  const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
  const cache = cpu.createCache("leaky", 1024);
  const objects = cpu.cacheTake(cache, 3 * cache.objects);
  expect(other.destroyCache(cache)).toBe(3);
  expect(cpu.openCache("leaky")).toBe(cache.address);
  const kept = objects.slice(0, 1);
  for (const object of objects.slice(1)) other.kfree(object);
  expect(cpu.destroyCache(cache)).toBe(1);
  objects.push(...cpu.cacheTake(cache, 1));
  for (const object of [...kept, ...objects.slice(-1)]) cpu.kfree(object);
  expect(cpu.destroyCache(cache)).toBe(0);
});

test("destroy gives back every page, also what idle CPUs hold of the cache", () => {
  const heap = new TestHeap({ cpus: 3, initialBytes: 32 * MIB });
  const [first, second, third] = heap.cpus() as [TestCpu, TestCpu, TestCpu];
  const before = heap.freePages();
  const cache = first.createCache("spread", 2048);
  // A cpu slab and percpu partial slabs on two CPUs that then stand still.
  const objects = [first, second].flatMap((cpu) => cpu.cacheTake(cache, 3 * cache.objects + 1));
  for (const object of objects) second.kfree(object);
  expect(heap.cpuPartialSlabs(cache, 1).length).toBeGreaterThan(0);
  expect(third.destroyCache(cache)).toBe(0);
  for (const cpu of [first, second, third]) cpu.offline();
  expect(heap.freePages()).toBe(before);
});

test("a tid goes on counting when a cache's entry is used again", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(1);
  const cache = cpu.createCache("one", 64);
  for (const object of cpu.cacheTake(cache, 5)) cpu.kfree(object);
  const { tid } = heap.view.cpuCache(1, cache.index);
  expect(cpu.destroyCache(cache)).toBe(0);
  const next = cpu.createCache("two", 64);
  expect(next.index).toBe(cache.index);
  expect(heap.view.cpuCache(1, next.index).tid).toBeGreaterThanOrEqual(tid);
  expect(heap.view.cpuCache(1, next.index).tid % 256).toBe(1);
});
