/**
 * Goal: bulk calls equal as many single ones, all or nothing. Method: the same seeded storm once
 * with bulk calls and once with single ones must leave the same objects live; out of memory, NMIs
 * and constructors in the middle must leave no trace.
 */
import { createRandom } from "slablab/internal/workload/random.js";
import { describe, expect, test } from "vitest";
import { GFP_ZERO, ZERO_SIZE_PTR } from "./support/cpu.js";
import { type Build, BUILDS, MIB, TestHeap } from "./support/heap.js";

/** Objects in use of a cache, on slabs and CPU lists together, with every CPU offline. */
function inuse(heap: TestHeap, name: string): number {
  const slabs = [...heap.view.slabs(heap.cache(name).address)];
  return slabs.reduce((sum, slab) => sum + slab.inuse, 0);
}

describe.each<Build>(BUILDS)("in the build %s", (build) => {
  test("a bulk allocation gives distinct objects of the bucket, any count from 1 to 2000", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    const all: number[] = [];
    for (const count of [1, 2, 15, 16, 17, 100, 2000]) {
      const objects = cpu.kmallocBulk(100, count);
      expect(objects.length, `${count} at once`).toBe(count);
      all.push(...objects);
    }
    expect(new Set(all).size).toBe(all.length);
    expect(new Set(all.map((object) => cpu.ksize(object)))).toEqual(new Set([128]));
    cpu.kfreeBulk(all);
    cpu.offline();
    expect(inuse(heap, "kmalloc-128")).toBe(0);
  });

  test("bulk calls leave the same number live as the same single calls", () => {
    const seed = 0xb01c;
    const results = [true, false].map((isBulk) => {
      const random = createRandom(seed);
      const heap = new TestHeap({ build });
      const cpus = heap.cpus();
      let live: number[] = [];
      for (let round = 0; round < 60; round++) {
        const cpu = cpus[round % 2];
        if (cpu === undefined) throw new Error("two CPUs");
        const count = random.uniformInt(1, 40);
        live.push(...(isBulk ? cpu.kmallocBulk(300, count) : cpu.take(300, count)));
        random.shuffle(live);
        const gone = live.slice(0, random.uniformInt(0, live.length));
        live = live.slice(gone.length);
        if (isBulk) cpu.kfreeBulk(gone);
        else for (const object of gone) cpu.kfree(object);
      }
      for (const cpu of cpus) cpu.offline();
      expect(inuse(heap, "kmalloc-512"), `seed ${seed}`).toBe(live.length);
      return live.length;
    });
    expect(results[0], `seed ${seed}`).toBe(results[1]);
  });

  test("a bulk free takes objects of all caches, NULL and ZERO_SIZE_PTR in one array", () => {
    const heap = new TestHeap({ build });
    const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
    const sizes = [8, 64, 96, 1000, 8192];
    const objects = sizes.flatMap((size) => cpu.take(size, 30));
    const array = createRandom(7).shuffle([...objects, 0, ZERO_SIZE_PTR, 0, 0, 0, ZERO_SIZE_PTR]);
    other.kfreeBulk(array);
    for (const each of [cpu, other]) each.offline();
    const names = ["kmalloc-8", "kmalloc-64", "kmalloc-96", "kmalloc-1k", "kmalloc-8k"];
    expect(names.map((name) => inuse(heap, name))).toEqual([0, 0, 0, 0, 0]);
  });

  test("__GFP_ZERO zeroes every object of a bulk", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    const spoilt = cpu.kmallocBulk(64, 100);
    for (const object of spoilt) heap.fill(object, 64, 0xdd);
    cpu.kfreeBulk(spoilt);
    const objects = cpu.kmallocBulk(64, 100, GFP_ZERO);
    const dirty = objects.filter((object) =>
      heap.bytes.subarray(object, object + 64).some((byte) => byte !== 0),
    );
    expect(dirty).toEqual([]);
  });

  test("out of memory a bulk allocation gives nothing and keeps nothing", () => {
    const heap = new TestHeap({ build, maximumBytes: 2 * MIB });
    const cpu = heap.cpu(0);
    const singles = cpu.takeAll(1024);
    const count = Math.floor(singles.length / 2);
    cpu.kfreeBulk(singles.splice(0, count));
    expect(cpu.kmallocBulk(1024, count + 1)).toEqual([]);
    const objects = cpu.kmallocBulk(1024, count);
    expect(objects.length, "what was there before is there again").toBe(count);
    for (const object of [...singles, ...objects]) cpu.kfree(object);
  });

  test("in an NMI bulk calls work without waiting", () => {
    const heap = new TestHeap({ build });
    const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
    const outer = cpu.kmallocBulk(64, 200);
    const inner = other.nmi(() => {
      const objects = other.kmallocBulk(64, 200);
      other.kfreeBulk(outer);
      return objects;
    });
    expect(inner.length).toBe(200);
    cpu.kfreeBulk(inner);
    cpu.barrier();
    for (const each of [cpu, other]) each.offline();
    expect(inuse(heap, "kmalloc-64")).toBe(0);
  });

  test("a constructor that allocates from the cache does not disturb a bulk allocation", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    const taken: number[] = [];
    let isNested = false;
    const ctor = () => {
      if (isNested || taken.length > 30) return;
      isNested = true;
      taken.push(cpu.cacheAlloc(cache));
      isNested = false;
    };
    const cache = cpu.createCache("nesting", 512, { ctor });
    const objects = [...cpu.cacheAllocBulk(cache, 100), ...taken];
    expect(new Set(objects).size).toBe(100 + taken.length);
    cpu.kfreeBulk(objects);
    expect(cpu.destroyCache(cache)).toBe(0);
  });
});

test("a bulk of sizes that have no bucket gives nothing", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  for (const size of [0, 8193, 2 ** 20, 0xffff_ffff]) {
    expect(cpu.kmallocBulk(size, 4), `size ${size}`).toEqual([]);
  }
  expect(cpu.kmallocBulk(64, 0)).toEqual([]);
  expect([...heap.view.slabs()]).toEqual([]);
});

test("a bulk allocation counts each object as the single call would", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const cache = heap.cache("kmalloc-8k");
  expect(heap.countsOf(cache, () => cpu.kmallocBulk(8192, 10))).toEqual({
    ALLOC_SLOWPATH: 3,
    ALLOC_FASTPATH: 7,
    ALLOC_SLAB: 3,
    DEACTIVATE_BYPASS: 2,
  });
});
