/**
 * Goal: sheaves do what 7.0's do - every way an allocation and a free can go, with its counter -
 * and hide no object from anybody. Method: as for slabs: each branch on purpose, in the build that
 * counts; what a build decides at compile time, in all of them.
 */
import { createHeap, type HeapOptions } from "slablab";
import { objectsInSheaves, sheavesOf } from "slablab/internal/heap/sheaves.js";
import { DEFER_ARMS } from "slablab/internal/heap/arms.js";
import { describe, expect, test } from "vitest";
import { MIB } from "./support/heap.js";
import { CAPACITY, SIZE, sheafScene } from "./support/sheaves.js";

describe("capacities are those of the kernel on 64 bits", () => {
  test.each([
    ...[
      ["kmalloc-8", 60],
      ["kmalloc-192", 60],
      ["kmalloc-256", 28],
      ["kmalloc-512", 28],
    ],
    ...[
      ["kmalloc-1k", 12],
      ["kmalloc-2k", 12],
      ["kmalloc-4k", 4],
      ["kmalloc-8k", 4],
    ],
  ] as const)("%s: %d", (name, capacity) => {
    const { heap } = sheafScene();
    expect(heap.cache(name).sheaf_capacity).toBe(capacity);
  });
});

test("the first allocation refills a sheaf; the next come from it, last in first out", () => {
  const { heap, here, cache, places } = sheafScene();
  const first = heap.countsOf(cache, () => here.take(SIZE, 1));
  expect(first).toMatchObject({ ALLOC_PCS: 1, SHEAF_REFILL: CAPACITY, SHEAF_ALLOC: 1 });
  expect(places()).toEqual([`main 0: ${CAPACITY - 1}`]);
  expect(heap.countsOf(cache, () => here.take(SIZE, 1))).toEqual({ ALLOC_PCS: 1 });
  const [object = 0] = here.take(SIZE, 1);
  expect(heap.countsOf(cache, () => here.kfree(object))).toEqual({ FREE_PCS: 1 });
  expect(here.take(SIZE, 1)).toEqual([object]);
});

test("a free to a CPU without sheaves makes it an empty one", () => {
  const { heap, here, elsewhere, cache, places } = sheafScene();
  const [object = 0] = here.take(SIZE, 1);
  expect(heap.countsOf(cache, () => elsewhere.kfree(object))).toEqual({
    FREE_PCS: 1,
    SHEAF_ALLOC: 1,
  });
  expect(places()).toContain("main 1: 1");
});

test("a full sheaf is covered by an empty one, both ways, without the barn", () => {
  const { heap, here, cache, places } = sheafScene();
  const objects = here.take(SIZE, 2 * CAPACITY);
  for (const object of objects) here.kfree(object);
  expect(places().sort()).toEqual([`below main 0: ${CAPACITY}`, `main 0: ${CAPACITY}`]);
  const counts = heap.countsOf(cache, () => here.take(SIZE, CAPACITY + 1));
  expect(counts).toEqual({ ALLOC_PCS: CAPACITY + 1 });
  expect(places().sort()).toEqual([`main 0: ${CAPACITY - 1}`, "spare 0: 0"]);
});

test("what one CPU frees another allocates, a sheaf at a time: BARN_PUT and BARN_GET", () => {
  const { heap, here, elsewhere, cache, places } = sheafScene();
  const objects = here.take(SIZE, 4 * CAPACITY);
  const freed = heap.countsOf(cache, () => {
    for (const object of objects) elsewhere.kfree(object);
  });
  expect(freed).toMatchObject({ FREE_PCS: 4 * CAPACITY, BARN_PUT: 2 });
  expect(places().filter((each) => each.startsWith("full"))).toHaveLength(2);
  const taken = new Set<number>();
  const counts = heap.countsOf(cache, () => {
    for (const object of here.take(SIZE, 2 * CAPACITY)) taken.add(object);
  });
  expect(counts).toMatchObject({ ALLOC_PCS: 2 * CAPACITY, BARN_GET: 2 });
  expect(counts).not.toHaveProperty("SHEAF_REFILL");
  expect([...taken].every((object) => objects.includes(object))).toBe(true);
  expect(places().filter((each) => each.startsWith("empty"))).toHaveLength(2);
});

test("a barn keeps no more than its bound in bytes; the rest is flushed to its slabs", () => {
  const { heap, here, cache } = sheafScene();
  const { barn_full } = cache;
  expect(barn_full * CAPACITY * SIZE).toBeLessThanOrEqual(MIB / 2);
  const objects = here.take(SIZE, (barn_full + 6) * CAPACITY);
  const counts = heap.countsOf(cache, () => {
    for (const object of objects) here.kfree(object);
  });
  expect(counts.SHEAF_FLUSH).toBeGreaterThanOrEqual(3 * CAPACITY);
  expect(counts.BARN_PUT_FAIL).toBeGreaterThan(0);
  const full = sheavesOf(heap.view, cache).filter(({ place }) => place === "full");
  expect(full).toHaveLength(barn_full);
});

test("shrink takes this CPU's sheaves and the barns, and asks the others", () => {
  const { here, elsewhere, cache, places } = sheafScene();
  const objects = here.take(SIZE, 5 * CAPACITY);
  for (const object of objects) here.kfree(object);
  const [kept = 0] = elsewhere.take(SIZE, 1);
  here.exports.kmem_cache_shrink(cache.address);
  expect(places()).toEqual([expect.stringMatching(/^main 1: \d+$/)]);
  // The next slow path of the other one.
  elsewhere.take(SIZE, CAPACITY);
  expect(places().filter((each) => each.endsWith(" 1: 0"))).toEqual([]);
  elsewhere.kfree(kept);
});

test("a CPU that leaves takes nothing with it", () => {
  const { heap, here, elsewhere, cache } = sheafScene();
  for (const size of [8, 64, 300, 1024, 5000]) {
    for (const object of elsewhere.take(size, 100)) here.kfree(object);
  }
  here.exports.cpu_offline();
  heap.expectSound();
  expect(sheavesOf(heap.view, cache).filter(({ of }) => of === 0)).toEqual(
    sheavesOf(heap.view, cache).filter(({ place }) => place === "full" || place === "empty"),
  );
});

test("what lies in sheaves is never the reason for 'out of memory'", () => {
  const { heap, here } = sheafScene({ maximumBytes: 4 * MIB });
  const large = here.takeAll(8192);
  const most = large.length;
  for (const object of large) here.kfree(object);
  // All of it as small objects, then free: in sheaves of this CPU and in barns, and in no slab's.
  const small = here.takeAll(2048);
  for (const object of small) here.kfree(object);
  expect(objectsInSheaves(heap.view, heap.cache("kmalloc-2k")).size).toBeGreaterThan(100);
  const again = here.takeAll(8192).length;
  // Slabs that a node keeps although they are empty, and the cpu slab.
  expect(again).toBeGreaterThan(most - 60);
});

test("objects that are constructed stay so, and come from sheaves", () => {
  const { heap, here } = sheafScene();
  const made: number[] = [];
  const cache = here.createCache("ctor", 512, {
    ctor: (object) => {
      made.push(object);
      heap.setU32(object, 0xc0ffee);
    },
  });
  const take = () => here.exports.kmem_cache_alloc(cache.address, 0) >>> 0;
  const objects = Array.from({ length: 100 }, take);
  for (const object of objects) here.kfree(object);
  const before = made.length;
  const again = Array.from({ length: 100 }, take);
  expect(again.every((object) => heap.u32(object) === 0xc0ffee)).toBe(true);
  expect(made).toHaveLength(before);
  for (const object of again) here.kfree(object);
  expect(here.exports.kmem_cache_destroy(cache.address)).toBe(0);
});

test("a constructor that allocates and frees in a refill nests", () => {
  const { here } = sheafScene();
  const nested: number[] = [];
  const cache = here.createCache("nests", 512, {
    ctor: () => {
      const object = here.kmalloc(512);
      if (object !== 0) nested.push(object);
      if (nested.length > 5) here.kfree(nested.shift() ?? 0);
    },
  });
  const objects = Array.from(
    { length: 200 },
    () => here.exports.kmem_cache_alloc(cache.address, 0) >>> 0,
  );
  expect(new Set([...objects, ...nested]).size).toBe(objects.length + nested.length);
  for (const object of [...objects, ...nested]) here.kfree(object);
});

test("caches with slab_debug have none", () => {
  const debug = sheafScene({ build: "debug", slabDebug: "FZ,kmalloc-1k" });
  expect(debug.cache.sheaf_capacity).toBe(0);
  expect(debug.heap.cache("kmalloc-2k").sheaf_capacity).toBe(12);
  for (const object of debug.here.take(SIZE, 40)) debug.here.kfree(object);
  expect(sheavesOf(debug.heap.view, debug.cache)).toEqual([]);
});

test("an object of another node goes to its slab, not into a sheaf", () => {
  const { heap, here, elsewhere, cache } = sheafScene({ nodes: 2, initialBytes: 16 * MIB });
  const [object = 0] = elsewhere.take(SIZE, 1);
  expect(heap.slabOf(object).node).toBe(1);
  const counts = heap.countsOf(cache, () => here.kfree(object));
  expect(counts).not.toHaveProperty("FREE_PCS");
  expect(counts).toHaveProperty("FREE_SLOWPATH");
  const [own = 0] = here.take(SIZE, 1);
  expect(heap.countsOf(cache, () => here.kfree(own))).toEqual({ FREE_PCS: 1 });
});

test("caches beyond the 255th have sheaves, which a free finds by the descriptor", () => {
  const { heap, here } = sheafScene({ maxCaches: 300 });
  let last = 0;
  for (let index = 14; index < 262; index++) {
    last = here.createCache(`cache-${index}`, 64).address;
  }
  const cache = heap.cache("cache-261");
  expect(cache.index).toBeGreaterThan(255);
  const take = () => here.exports.kmem_cache_alloc(last, 0) >>> 0;
  const object = take();
  expect(heap.countsOf(cache, () => here.kfree(object))).toEqual({ FREE_PCS: 1 });
  expect(take()).toBe(object);
  here.kfree(object);
});

test("a nolock call takes from and gives to a sheaf, and refills none", () => {
  const { heap, here, cache } = sheafScene();
  const objects = here.take(SIZE, 3);
  const counts = heap.countsOf(cache, () => {
    const object = here.kmallocNolock(SIZE);
    here.kfreeNolock(object);
  });
  const ofNolock = { NOLOCK_ALLOC_MAIN: 1, NOLOCK_FREE_MAIN: 1 };
  expect(counts).toEqual({ ALLOC_PCS: 1, FREE_PCS: 1, ...ofNolock });
  const rest = Array.from({ length: CAPACITY }, () => here.kmallocNolock(SIZE));
  expect(rest).not.toContain(0);
  expect(heap.stat(cache, "SHEAF_REFILL")).toBe(CAPACITY);
  for (const object of [...objects, ...rest]) here.kfree(object);
});

test("bulk calls use what sheaves have, and nothing is handed out twice", () => {
  const { heap, here, cache } = sheafScene();
  const first = here.kmallocBulk(SIZE, 100);
  here.kfreeBulk(first);
  const single = here.take(SIZE, 20);
  const second = here.kmallocBulk(SIZE, 100);
  expect(new Set([...second, ...single]).size).toBe(120);
  here.kfreeBulk([...second, ...single]);
  expect(heap.slabCount(cache)).toBeGreaterThan(0);
});

describe.each(["release", "stats", "debug", "trace", "model", "hardened"] as const)(
  "%s",
  (build) => {
    const options: HeapOptions =
      build === "hardened" ? { percpu: "sheaf", hardened: true } : { percpu: "sheaf", build };

    test("frees from JavaScript are checked as with slabs", async () => {
      const heap = await createHeap({ cpus: 1, ...options });
      const cpu = heap.cpu();
      expect(heap.options.percpu).toBe("sheaf");
      const [object, other] = [cpu.kmalloc(100), cpu.kmalloc(100)];
      expect(() => cpu.kfree(object + 8)).toThrow(/inside an object/);
      cpu.kfree(object);
      expect(() => cpu.kfree(object)).toThrow(/free already/);
      cpu.kfree(other);
      expect(() => cpu.kfree(other)).toThrow(/free already/);
      expect(() => cpu.kfree(12)).toThrow();
      cpu.kfree(0);
      expect(cpu.kmalloc(0)).toBe(16);
      cpu.kfree(16);
      expect(heap.validate()).toEqual([]);
    });

    test("slabinfo counts objects in sheaves as free, and destroy finds who is live", async () => {
      const heap = await createHeap({ cpus: 2, ...options });
      const [cpu, other] = [heap.cpu(), heap.cpu()];
      const cache = cpu.kmemCacheCreate({ name: "task", size: 1000 });
      const objects = Array.from({ length: 200 }, () => cache.alloc());
      const [kept = 0] = objects.splice(77, 1);
      const there = other.kmemCacheOpen("task");
      for (const [index, object] of objects.entries())
        (index % 2 === 0 ? cache : there).free(object);
      const info = heap.slabinfo().find(({ name }) => name === "task");
      // The cpu slab's own list counts as in use, as ever.
      expect(info?.active_objs).toBeLessThan(1 + 2 * (info?.objperslab ?? 0));
      expect(cache.destroy()).toMatchObject({ released: false, objects: [kept] });
      cache.free(kept);
      expect(cache.destroy()).toMatchObject({ released: true });
      expect(heap.validate()).toEqual([]);
    });
  },
);

test.each([
  ["failslab", { failslab: { nth: 3 } }],
  ["rt", { rt: true }],
] as const)("%s works, without sheaves where they are compiled in", async (_name, option) => {
  const which = await Promise.all(
    (["slab", "sheaf"] as const).map(async (percpu) => {
      const heap = await createHeap({ cpus: 1, percpu, ...option });
      const cpu = heap.cpu();
      const objects = Array.from({ length: 5 }, () => cpu.kmalloc(64));
      for (const object of objects) cpu.kfree(object);
      expect(heap.validate()).toEqual([]);
      return objects.map((object) => object !== 0);
    }),
  );
  expect(which[1]).toEqual(which[0]);
});

test("a module of the other layer is refused", async () => {
  const heap = await createHeap({ cpus: 1, percpu: "sheaf" });
  const slab = await createHeap({ cpus: 1, percpu: "slab" });
  const { attachHeap } = await import("slablab");
  const foreign = { ...heap.handle, module: slab.handle.module };
  await expect(attachHeap(foreign)).rejects.toThrow(/per-CPU layer/);
});

test.each(DEFER_ARMS)(
  "CPUs that go leave nothing to wait on other nodes' lists, in the arm %s",
  async (defer) => {
    const heap = await createHeap({ cpus: 4, nodes: 3, defer, build: "stats" });
    const cpus = [0, 1, 2, 3].map(() => heap.cpu());
    const objects = cpus.flatMap((cpu) =>
      Array.from({ length: 500 }, (_, index) => cpu.kmalloc(8 + (index % 300))),
    );
    for (const [index, object] of objects.entries()) cpus[(index * 7) % 4]?.kfree(object);
    for (const cpu of cpus) cpu.offline();
    const added = Object.values(heap.stats()).flatMap(({ DEFER_ADD = [] }) => DEFER_ADD);
    expect(Math.max(...added)).toBe(0);
    expect(heap.validate()).toEqual([]);
  },
);
