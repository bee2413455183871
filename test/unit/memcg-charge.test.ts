/**
 * Goal: what a group is charged is exactly its live objects, on every path of allocation and free
 * (kernel: memcg_slab_post_alloc_hook(), memcg_slab_free_hook(), free_large_kmalloc()).
 * Method: raw calls of simulated CPUs; after each step the group's objects must cost what the
 * sizes of their caches say. Beside that, validate() adds all charges up after each test.
 */
import { DEFER_ARMS } from "slablab/internal/heap/arms.js";
import { SLAB_ACCOUNT } from "slablab/internal/heap/flags.js";
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { BUILDS, PAGE, TestHeap, type TestHeapOptions } from "./support/heap.js";

const GFP_ACCOUNT = 2;
const HEAP_RANDOMIZE = 0x4;
/** obj_full_size(): an object of a bucket and its entry. */
const full = (bucket: number) => bucket + 4;

/** A heap whose CPUs all charge one group. */
function makeGroup(options: TestHeapOptions = {}, limitPages = 2 ** 20) {
  const heap = new TestHeap(options);
  const cpus = heap.cpus();
  const [cpu] = cpus as [TestCpu];
  const group = cpu.memcgCreate("g", limitPages);
  expect(group).not.toBe(0);
  for (const each of cpus) expect(each.memcgSet(group)).toBe(true);
  return { heap, cpus, cpu, group, objectBytes: () => heap.memcg(group).objectBytes };
}

describe.each(BUILDS)("in the build %s", (build) => {
  test("kmalloc() with __GFP_ACCOUNT charges the object's size and its entry", () => {
    const { heap, cpu, objectBytes } = makeGroup({ build });
    const sizes = [1, 8, 64, 96, 100, 192, 200, 512, 1024, 2048, 4096, 8192];
    const objects = sizes.map((size) => cpu.kmalloc(size, GFP_ACCOUNT));
    const buckets = [8, 8, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];
    expect(objectBytes()).toBe(buckets.reduce((sum, each) => sum + full(each), 0));
    heap.expectSound();
    for (const object of objects) cpu.kfree(object);
    expect(objectBytes()).toBe(0);
    // Less than a page may stay in the stock.
    expect(heap.memcg(heap.view.header().memcg_table + 64).usage_pages).toBeLessThanOrEqual(1);
  });
});

describe("nothing is charged", () => {
  test("without the flag, and without a group", () => {
    const { heap, cpu, objectBytes, group } = makeGroup();
    const plain = [cpu.kmalloc(64), cpu.kmalloc(20_000)];
    cpu.memcgSet(0);
    plain.push(cpu.kmalloc(64, GFP_ACCOUNT), cpu.kmalloc(20_000, GFP_ACCOUNT));
    expect(heap.memcg(group).usage_pages).toBe(0);
    expect(objectBytes()).toBe(0);
    // With no group it is the ordinary cache.
    expect(heap.cache("kmalloc-64").address).toBe(heap.slabOf(plain[2] ?? 0).slab_cache);
    for (const object of plain) cpu.kfree(object);
    heap.expectSound();
  });

  test("a heap without groups has no kmalloc-cg caches, one with has thirteen", () => {
    const heap = new TestHeap();
    const cpu = heap.cpu();
    const names = () => [...heap.view.caches()].map(({ name }) => name);
    const before = names();
    cpu.kfree(cpu.kmalloc(64, GFP_ACCOUNT));
    expect(names()).toEqual(before);
    cpu.memcgCreate("g");
    heap.view.refresh();
    expect(names().slice(before.length)).toEqual(
      before.map((name) => name.replace("kmalloc-", "kmalloc-cg-")),
    );
  });
});

describe("a cache made with SLAB_ACCOUNT", () => {
  test("charges every object, flag or not", () => {
    const { heap, cpu, objectBytes } = makeGroup();
    const cache = cpu.createCache("accounted", 100, { flags: SLAB_ACCOUNT });
    const objects = [cpu.cacheAlloc(cache), ...cpu.cacheAllocBulk(cache, 50)];
    objects.push(cpu.cacheAllocNolock(cache));
    expect(objectBytes()).toBe(52 * full(cache.size));
    for (const object of objects) cpu.exports.kmem_cache_free(cache.address, object);
    expect(objectBytes()).toBe(0);
    expect(cpu.destroyCache(cache)).toBe(0);
    heap.expectSound();
  });

  test.each([8, 24, 64, 100, 1000, 4096, 5000, 16384, 32768, 2 ** 21])(
    "of objects of %i bytes leaves room for its entries in slabs of its own order",
    (size) => {
      const { heap, cpu, objectBytes } = makeGroup({ maximumBytes: 2 ** 26 });
      const plain = cpu.createCache("plain", size);
      const cache = cpu.createCache("accounted", size, { flags: SLAB_ACCOUNT });
      const bytes = PAGE * 2 ** cache.order;
      expect(cache.size).toBe(plain.size);
      expect(cache.objects).toBe(Math.floor(bytes / (cache.size + 4)));
      expect(cache.minObjects).toBe(Math.floor((PAGE * 2 ** cache.minOrder) / (cache.size + 4)));
      if (plain.size + 4 <= PAGE * 2 ** plain.order) expect(cache.order).toBe(plain.order);
      // Filled to the last byte of each object, no entry is touched.
      const objects = cpu.cacheTake(cache, Math.min(cache.objects + 1, 300));
      for (const object of objects) heap.fill(object, size, 0xff);
      expect(objectBytes()).toBe(objects.length * full(cache.size));
      heap.expectSound();
      for (const object of objects) cpu.kfree(object);
      expect(objectBytes()).toBe(0);
    },
  );

  test("cannot have objects that leave no room for an entry in the largest block", () => {
    const { cpu } = makeGroup();
    expect(cpu.tryCreateCache("a", 2 ** 22)).not.toBe(0);
    expect(cpu.tryCreateCache("b", 2 ** 22, { flags: SLAB_ACCOUNT })).toBe(0);
  });

  test("keeps its balance where new slabs are shuffled", () => {
    const { heap, cpu, objectBytes } = makeGroup({ options: HEAP_RANDOMIZE });
    const objects = Array.from({ length: 300 }, () => cpu.kmalloc(96, GFP_ACCOUNT));
    expect(objectBytes()).toBe(300 * full(96));
    heap.expectSound();
    cpu.kfreeBulk(objects);
    expect(objectBytes()).toBe(0);
  });
});

describe("every way to allocate and free keeps the balance", () => {
  test("bulk, mixed with what is not charged", () => {
    const { heap, cpu, objectBytes } = makeGroup();
    const charged = cpu.kmallocBulk(64, 200, GFP_ACCOUNT);
    const plain = cpu.kmallocBulk(64, 100);
    const large = cpu.kmalloc(10_000, GFP_ACCOUNT);
    expect(objectBytes()).toBe(200 * full(64) + 4 * PAGE);
    heap.expectSound();
    cpu.kfreeBulk(
      [...charged, large, ...plain].sort((a, b) => ((a * 7919) % 101) - ((b * 7919) % 101)),
    );
    expect(objectBytes()).toBe(0);
  });

  test.each([
    [9000, 4],
    [16384, 4],
    [100_000, 32],
    [5 * 2 ** 20, 2048],
  ])("large: %i bytes are %i pages", (size, pages) => {
    const { heap, cpu, group, objectBytes } = makeGroup({ maximumBytes: 2 ** 26 });
    const object = cpu.kmalloc(size, GFP_ACCOUNT);
    expect(objectBytes()).toBe(pages * PAGE);
    heap.expectSound();
    cpu.kfree(object);
    expect(heap.memcg(group)).toMatchObject({ usage_pages: 0, max_usage_pages: pages });
  });

  test("krealloc(): where it moves, the new with its own flags, the old no more", () => {
    const { cpu, objectBytes } = makeGroup();
    let object = cpu.kmalloc(40, GFP_ACCOUNT);
    expect(cpu.krealloc(object, 60)).toBe(object);
    expect(objectBytes()).toBe(full(64));
    object = cpu.krealloc(object, 500, GFP_ACCOUNT);
    expect(objectBytes()).toBe(full(512));
    object = cpu.krealloc(object, 9000, GFP_ACCOUNT);
    expect(objectBytes()).toBe(4 * PAGE);
    object = cpu.krealloc(object, 20_000);
    expect(objectBytes()).toBe(0);
    object = cpu.krealloc(object, 40_000, GFP_ACCOUNT);
    expect(objectBytes()).toBe(16 * PAGE);
    cpu.krealloc(object, 0);
    expect(objectBytes()).toBe(0);
  });

  test.each(DEFER_ARMS)(
    "nolock in the arm %s: discharged at once, even while deferred",
    (defer) => {
      const { heap, cpus, objectBytes } = makeGroup({ defer });
      const [zero, one] = cpus as [TestCpu, TestCpu];
      const objects = Array.from({ length: 100 }, () => zero.kmallocNolock(64, GFP_ACCOUNT));
      expect(objects).not.toContain(0);
      expect(objectBytes()).toBe(100 * full(64));
      // Another CPU's: not its cpu slab, so each is freed at once or deferred as the arm has it.
      one.nmi(() => {
        for (const object of objects) one.kfreeNolock(object);
        expect(objectBytes()).toBe(0);
        heap.view.refresh();
      });
      one.barrier();
      expect(objectBytes()).toBe(0);
    },
  );

  test("freed by a CPU of another group, or of none", () => {
    const { heap, cpus, group, objectBytes } = makeGroup({ cpus: 3 });
    const [zero, one, two] = cpus as [TestCpu, TestCpu, TestCpu];
    const other = one.memcgCreate("other");
    one.memcgSet(other);
    two.memcgSet(0);
    const objects = Array.from({ length: 90 }, () => zero.kmalloc(192, GFP_ACCOUNT));
    objects.forEach((object, index) => {
      (cpus[index % 3] as TestCpu).kfree(object);
    });
    expect(objectBytes()).toBe(0);
    expect(heap.memcg(other)).toMatchObject({ usage_pages: 0, max_usage_pages: 0 });
    expect(heap.memcg(group).usage_pages).toBeLessThanOrEqual(3);
  });
});

describe("a group at its limit", () => {
  test("refuses: 0, the object is free again, and the failure is counted", () => {
    const { heap, cpu, group, objectBytes } = makeGroup({}, 2);
    const objects: number[] = [];
    for (let object = cpu.kmalloc(512, GFP_ACCOUNT); object !== 0; ) {
      objects.push(object);
      object = cpu.kmalloc(512, GFP_ACCOUNT);
    }
    expect(objects.length).toBe(Math.floor((2 * PAGE) / full(512)));
    expect(heap.memcg(group)).toMatchObject({ failcnt: 1, usage_pages: 2, max_usage_pages: 2 });
    const { slab_cache } = heap.slabOf(objects[0] ?? 0);
    const inuse = () => [...heap.view.slabs(slab_cache)].reduce((sum, slab) => sum + slab.inuse, 0);
    const before = inuse();
    expect(cpu.kmallocNolock(512, GFP_ACCOUNT)).toBe(0);
    expect(cpu.kmallocBulk(512, 3, GFP_ACCOUNT)).toEqual([]);
    expect(cpu.kmalloc(9000, GFP_ACCOUNT)).toBe(0);
    expect(inuse()).toBe(before);
    heap.expectSound();
    // Others are not concerned, and what is freed can be had again.
    const plain = cpu.kmalloc(512);
    expect(plain).not.toBe(0);
    cpu.kfree(objects.pop() ?? 0);
    const again = cpu.kmalloc(512, GFP_ACCOUNT);
    expect(again).not.toBe(0);
    cpu.kfreeBulk([...objects, plain, again]);
    expect(objectBytes()).toBe(0);
    // An object that is nobody's, but not free, shows once the CPU has given up its freelist.
    cpu.offline();
    expect(inuse(), "what was refused is free").toBe(0);
  });

  test("refuses a bulk call that fits in part, and takes none of it", () => {
    const { heap, cpu, group, objectBytes } = makeGroup({}, 1);
    expect(cpu.kmallocBulk(64, 61, GFP_ACCOUNT)).toEqual([]);
    expect(objectBytes()).toBe(0);
    expect(heap.memcg(group).failcnt).toBe(1);
    expect(cpu.kmallocBulk(64, 60, GFP_ACCOUNT)).toHaveLength(60);
    expect(objectBytes()).toBe(60 * full(64));
  });

  test("a bulk call that runs out of memory midway takes nothing", () => {
    const { heap, cpu, objectBytes } = makeGroup({ maximumBytes: 2 ** 22 }, 40);
    const cache = cpu.createCache("accounted", 8192, { flags: SLAB_ACCOUNT });
    expect(cpu.cacheAllocBulk(cache, 2000)).toEqual([]);
    expect(objectBytes()).toBe(0);
    heap.expectSound();
  });

  test("krealloc() that is refused leaves the old object charged", () => {
    const { cpu, objectBytes } = makeGroup({}, 1);
    const object = cpu.kmalloc(64, GFP_ACCOUNT);
    expect(cpu.krealloc(object, 8000, GFP_ACCOUNT)).toBe(0);
    expect(objectBytes()).toBe(full(64));
    cpu.kfree(object);
  });
});
