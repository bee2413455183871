/**
 * Fault injection: what the dice say happens, and whatever operation meets a failure leaves the
 * heap as it was. Kernel: mm/failslab.c, lib/fault-inject.c (fail-nth).
 */
import { createHeap, type FailslabOptions } from "slablab";
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { HEAP_FAILSLAB } from "./support/events.js";
import { type Build, TestHeap } from "./support/heap.js";

const ALWAYS = 0xffffffff;

function scene({ probability = ALWAYS, interval = 1, nth = 0, build = "stats" as Build }) {
  const heap = new TestHeap({ build, cpus: 2, options: HEAP_FAILSLAB });
  const { exports } = heap.instance();
  exports.set_failslab(heap.base, probability, interval, nth);
  return heap;
}

const results = (cpu: TestCpu, count: number) =>
  Array.from({ length: count }, () => cpu.kmalloc(64) !== 0);

describe("the dice", () => {
  test("probability 1 fails every ordinary allocation, and no nolock one", () => {
    const cpu = scene({}).cpu(0);
    expect(results(cpu, 20)).not.toContain(true);
    expect(cpu.kmalloc(100_000)).toBe(0);
    const [object = 0] = [cpu.kmallocNolock(64)];
    expect(object).not.toBe(0);
    cpu.kfree(object);
  });

  test("probability 0 fails none", () => {
    const cpu = scene({ probability: 0 }).cpu(0);
    expect(results(cpu, 200)).not.toContain(false);
  });

  test("probability 1/4 fails about a quarter", () => {
    const cpu = scene({ probability: ALWAYS >>> 2 }).cpu(0);
    const failures = results(cpu, 4000).filter((done) => !done).length;
    expect(failures).toBeGreaterThan(800);
    expect(failures).toBeLessThan(1200);
  });

  test("interval 5 fails every fifth chance", () => {
    const cpu = scene({ interval: 5 }).cpu(0);
    // The cpu slab is there after the first, so each call is one chance from then on.
    const done = results(cpu, 50);
    expect(done.filter((each) => !each).length).toBe(10);
  });

  test("a bulk allocation has one chance to fail, however many objects it is for", () => {
    const heap = scene({ probability: 0 });
    const cpu = heap.cpu(0);
    const { fail_seen } = heap.table.offsets.cpu_area;
    const chances = () => {
      const before = heap.u32(cpu.area + fail_seen);
      const objects = cpu.kmallocBulk(64, 200);
      const after = heap.u32(cpu.area + fail_seen);
      cpu.kfreeBulk(objects);
      return after - before;
    };
    // The first takes slabs too, which can fail by themselves; then they are there.
    expect(chances()).toBeGreaterThan(1);
    expect(chances()).toBe(1);
  });

  test("nth fails exactly one allocation of each CPU", () => {
    const heap = scene({ nth: 3 });
    const cpus = heap.cpus();
    for (const cpu of cpus) {
      const done = results(cpu, 30);
      expect(done.filter((each) => !each).length).toBeLessThanOrEqual(1);
      const { fail_done } = heap.table.offsets.cpu_area;
      expect(heap.u32(cpu.area + fail_done)).toBe(1);
    }
  });
});

/** One of everything that allocates, in a heap where any of it may fail; all is freed again. */
const OPERATIONS: Readonly<Record<string, (cpu: TestCpu, heap: TestHeap) => boolean>> = {
  "kmalloc of every bucket": (cpu) => {
    const sizes = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];
    const objects = sizes.map((size) => cpu.kmalloc(size));
    for (const object of objects) cpu.kfree(object);
    return !objects.includes(0);
  },
  "kmalloc across several slabs": (cpu) => {
    const objects = Array.from({ length: 40 }, () => cpu.kmalloc(2048));
    for (const object of objects) cpu.kfree(object);
    return !objects.includes(0);
  },
  "large allocations": (cpu) => {
    const objects = [10_000, 300_000, 5_000_000].map((size) => cpu.kmalloc(size));
    for (const object of objects) cpu.kfree(object);
    return !objects.includes(0);
  },
  "krealloc that moves": (cpu) => {
    const first = cpu.kmalloc(32);
    const moved = cpu.krealloc(first, 3000);
    // On failure the old block stays valid.
    cpu.kfree(moved === 0 ? first : moved);
    return first !== 0 && moved !== 0;
  },
  "bulk, all or nothing": (cpu) => {
    const objects = cpu.kmallocBulk(512, 60);
    expect([0, 60]).toContain(objects.length);
    cpu.kfreeBulk(objects);
    return objects.length === 60;
  },
  "a cache's life": (cpu, heap) => {
    if (cpu.tryCreateCache("t", 200) === 0) return false;
    const cache = heap.cache("t");
    const objects = Array.from({ length: 50 }, () => cpu.cacheAlloc(cache));
    for (const object of objects) cpu.kfree(object);
    expect(cpu.destroyCache(cache)).toBe(0);
    return !objects.includes(0);
  },
  "a cache with a constructor": (cpu, heap) => {
    if (cpu.tryCreateCache("made", 64, { ctor: () => {} }) === 0) return false;
    const cache = heap.cache("made");
    const objects = Array.from({ length: 3 }, () => cpu.cacheAlloc(cache));
    for (const object of objects) cpu.kfree(object);
    expect(cpu.destroyCache(cache)).toBe(0);
    return !objects.includes(0);
  },
  "aligned allocation": (cpu) => {
    const objects = [16, 256, 4096, 65536].map((align) => cpu.alignedAlloc(align, align + 1));
    for (const object of objects) cpu.kfree(object);
    return !objects.includes(0);
  },
};

describe("fail the n-th allocation for n = 1, 2, 3, ... until none fails", () => {
  test.each(Object.keys(OPERATIONS))("%s: no leak, no inconsistency", (name) => {
    const operation = OPERATIONS[name];
    let failures = 0;
    for (let nth = 1; nth < 400; nth++) {
      const heap = scene({ nth });
      const cpu = heap.cpu(0);
      const { area } = cpu;
      const done = operation?.(cpu, heap);
      expectNothingLeft(heap, cpu);
      const { fail_done } = heap.table.offsets.cpu_area;
      if (heap.u32(area + fail_done) === 0) {
        expect(done, "without a failure all of it works").toBe(true);
        expect(failures, "some failure must have been met").toBeGreaterThan(0);
        return;
      }
      if (done === false) failures++;
    }
    expect.unreachable("400 allocations in one operation");
  });
});

/** No object in use anywhere: every slab that is left is empty. */
function expectNothingLeft(heap: TestHeap, cpu: TestCpu): void {
  cpu.offline();
  heap.view.refresh();
  for (const cache of heap.view.caches()) {
    for (const slab of heap.view.slabs(cache.address)) {
      expect([cache.name, slab.inuse]).toEqual([cache.name, 0]);
    }
  }
  heap.expectSound();
}

describe("createHeap({ failslab })", () => {
  test("by probability", async () => {
    const heap = await createHeap({ cpus: 1, failslab: { probability: 0.5 }, seed: 1 });
    const cpu = heap.cpu();
    const done = Array.from({ length: 400 }, () => cpu.kmalloc(64) !== 0);
    expect(done.filter(Boolean).length).toBeGreaterThan(100);
    expect(done.filter((each) => !each).length).toBeGreaterThan(100);
    expect(heap.validate()).toEqual([]);
  });

  const BAD: readonly [FailslabOptions, RegExp][] = [
    [{ probability: 2 }, /options.failslab.probability: expected a number in 0..1, got 2; /],
    [{ probability: "1" as never }, /options.failslab.probability: .*, got "1"; /],
    [{ interval: 0 }, /options.failslab.interval: expected an integer in 1/],
    [{ nth: -1 }, /options.failslab.nth: expected an integer in 1/],
    [{ often: 1 } as never, /options.failslab.often: expected one of probability, interval, nth/],
    [1 as never, /options.failslab: expected an object, got 1; /],
  ];
  test.each(BAD)("%o is refused", async (failslab, message) => {
    await expect(createHeap({ failslab })).rejects.toThrow(message);
  });
});
