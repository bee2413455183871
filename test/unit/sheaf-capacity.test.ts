/**
 * Goal: how many objects a sheaf has room for is what the heap and the cache asked for, and a bad
 * number gets a sentence. Method: all rules against the kernel's results; bad values by the
 * library.
 */
import { attachHeap, createHeap, type SheafCapacity } from "slablab";
import { HEAP_SHEAVES } from "slablab/internal/heap/constants.js";
import { describe, expect, test } from "vitest";
import { TestHeap } from "./support/heap.js";

const SIZES = [8, 248, 256, 1016, 1024, 4088, 4096, 8192, 100_000];
const EXPECTED = {
  bytes: [252, 60, 60, 28, 12, 12, 4, 4, 4],
  kernel64: [60, 60, 28, 28, 12, 12, 4, 4, 4],
  kernel32: [123, 123, 27, 27, 19, 19, 11, 11, 11],
} as const;

async function cpuOf(sheafCapacity?: SheafCapacity) {
  const heap = await createHeap({
    ...{ cpus: 1, percpu: "sheaf" },
    ...(sheafCapacity === undefined ? {} : { sheafCapacity }),
  });
  return { heap, cpu: heap.cpu() };
}

test.each(["bytes", "kernel64", "kernel32"] as const)("%s: the formula's results", async (rule) => {
  const { heap, cpu } = await cpuOf(rule);
  const found = SIZES.map(
    (size) => cpu.kmemCacheCreate({ name: `of-${size}`, size }).sheafCapacity,
  );
  expect(found).toEqual(EXPECTED[rule]);
  expect(heap.options.sheafCapacity).toBe(rule);
});

test.each([
  [1, 4],
  [4, 4],
  [5, 12],
  [13, 20],
  [29, 44],
  [61, 124],
  [2044, 2044],
])("a heap that asks for %d has sheaves of %d, whatever their objects", async (wish, capacity) => {
  const { heap, cpu } = await cpuOf(wish);
  for (const size of [64, 5000]) {
    const cache = cpu.kmemCacheCreate({ name: `of-${size}`, size });
    expect(cache.sheafCapacity).toBe(capacity);
    const objects = Array.from({ length: 3 * capacity }, () => cache.alloc()).filter(
      (object) => object !== 0,
    );
    for (const object of objects) cache.free(object);
    expect(cache.destroy().released).toBe(true);
  }
  expect(heap.validate()).toEqual([]);
  expect((await attachHeap(heap.handle)).options.sheafCapacity).toBe(wish);
});

test.each([
  [{}, 0, 28],
  [{}, 29, 44],
  [{}, 10, 28],
  [{ sheafCapacity: "kernel32" }, 28, 43],
  [{ sheafCapacity: "kernel32" }, 2044, 2043],
  [{ sheafCapacity: 100 }, 50, 124],
  [{ sheafCapacity: 100 }, 200, 252],
] as const)("%j and a cache that asks for %d: %d", async (options, sheafCapacity, capacity) => {
  const heap = await createHeap({ cpus: 1, percpu: "sheaf", ...options });
  const cache = heap.cpu().kmemCacheCreate({ name: "task", size: 500, sheafCapacity });
  expect(cache.sheafCapacity).toBe(capacity);
  const objects = Array.from({ length: 300 }, () => cache.alloc());
  for (const object of objects) cache.free(object);
  expect(heap.validate()).toEqual([]);
});

test("a cache or a heap that gets no sheaves leaves the wish alone", async () => {
  const debug = await createHeap({ cpus: 1, percpu: "sheaf", slabDebug: "FZ" });
  const none = { name: "checked", size: 64, sheafCapacity: 100 };
  expect(debug.cpu().kmemCacheCreate(none).sheafCapacity).toBe(0);
  const slabs = (await createHeap({ cpus: 1, percpu: "slab" })).cpu();
  expect(slabs.kmemCacheCreate({ name: "a", size: 64, sheafCapacity: 9 }).sheafCapacity).toBe(0);
});

test("the largest object and the largest sheaf: a barn keeps two", () => {
  const heap = new TestHeap({ options: HEAP_SHEAVES });
  const cpu = heap.cpu(0);
  const large = cpu.createCache("large", 4 * 2 ** 20, { sheafCapacity: 2044 });
  expect(large).toMatchObject({ sheaf_capacity: 2044, barn_full: 2 });
  const more = cpu.createCache("more", 64, { sheafCapacity: 0xffff_ffff });
  expect(more.sheaf_capacity).toBe(2044);
});

describe("a bad capacity gets a sentence", () => {
  test.each([
    [
      0,
      RangeError,
      /sheafCapacity: expected bytes, kernel64, kernel32 or an integer in 1\.\.2044, got 0;/,
    ],
    [2045, RangeError, /got 2045; leave it out for bytes/],
    [1.5, RangeError, /got 1\.5/],
    ["kernel", RangeError, /got "kernel"/],
    [null, TypeError, /got null/],
    [[60], TypeError, /got an array/],
  ])("of a heap: %j", async (sheafCapacity, type, message) => {
    const options = { percpu: "sheaf", sheafCapacity } as Parameters<typeof createHeap>[0];
    const error = await createHeap(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(type);
    expect(String(error)).toMatch(message);
  });

  test("of a heap without sheaves", async () => {
    const error = createHeap({ percpu: "slab", sheafCapacity: 60 });
    await expect(error).rejects.toThrow(
      /sheafCapacity: expected percpu: "sheaf" with it, got a heap without sheaves; leave one/,
    );
  });

  test.each([-1, 2045, 0.5, "60", null])("of a cache: %j", async (sheafCapacity) => {
    const { heap, cpu } = await cpuOf();
    const options = { name: "task", size: 64, sheafCapacity: sheafCapacity as number };
    expect(() => cpu.kmemCacheCreate(options)).toThrow(
      /sheafCapacity: expected an integer in 0\.\.2044, got/,
    );
    expect(heap.validate()).toEqual([]);
  });
});
