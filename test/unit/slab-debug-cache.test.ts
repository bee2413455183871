/**
 * Goal: debug caches work in every arm, locking and context, without cpu slabs. Method: storms of
 * allocations and frees on two CPUs and in NMIs, with every object stamped by its user; then what
 * the lists and the nolock paths do, step by step.
 */
import { DEFER_ARMS, type DeferArm } from "slablab/internal/heap/arms.js";
import type { CacheView } from "slablab/internal/heap/view.js";
import { SLAB_DEBUG_FLAGS } from "slablab/internal/heap/flags.js";
import { createRandom } from "slablab/internal/workload/random.js";
import { describe, expect, test } from "vitest";
import { listLock, type TestCpu, whileHeld } from "./support/cpu.js";
import { MIB, TestHeap, type TestHeapOptions } from "./support/heap.js";

const RT = 0x1;
const NO_CMPXCHG = 0x2;
const RANDOMIZE = 0x4;
const HARDENED = 0x8;

const DEBUG_HEAPS: readonly (TestHeapOptions & { readonly slabDebug: string })[] = [
  { slabDebug: "FZPU" },
  { slabDebug: "Z" },
  { slabDebug: "P" },
  { slabDebug: "F,kmalloc-64;FZPU,kmalloc-1*" },
  { slabDebug: "FZPU", options: HARDENED | RANDOMIZE },
  { slabDebug: "FZPU", options: NO_CMPXCHG },
  { slabDebug: "FZPU", options: RT },
  { slabDebug: "FU", nodes: 2 },
  { slabDebug: "FZPU", build: "trace" },
];

/** Objects in use of a cache, deferred ones included. */
function inUse(heap: TestHeap, cache: CacheView): number {
  heap.view.refresh();
  return [...heap.view.slabs(cache.address)].reduce((sum, { inuse }) => sum + inuse, 0);
}

interface Held {
  readonly object: number;
  readonly size: number;
  readonly stamp: number;
}

class Storm {
  readonly heap: TestHeap;
  readonly cpus: TestCpu[];
  readonly #live: Held[] = [];
  readonly #random = createRandom(0x51ab);
  #stamp = 0;

  constructor(heap: TestHeap) {
    this.heap = heap;
    this.cpus = heap.cpus();
  }

  #pick(): TestCpu {
    return this.cpus[this.#random.uniformInt(0, this.cpus.length - 1)] as TestCpu;
  }

  #keep(object: number, size: number): void {
    if (object === 0) return;
    this.#stamp = (this.#stamp + 1) % 251;
    this.heap.fill(object, size, this.#stamp);
    this.#live.push({ object, size, stamp: this.#stamp });
  }

  #drop(): number {
    const at = this.#random.uniformInt(0, this.#live.length - 1);
    const [{ object, size, stamp }] = this.#live.splice(at, 1) as [Held];
    const bytes = new Set(this.heap.bytes.slice(object, object + size));
    expect([...bytes], "an object's bytes are its user's").toEqual([stamp]);
    return object;
  }

  step(): void {
    const cpu = this.#pick();
    const size = this.#random.uniformInt(1, 260);
    switch (this.#random.uniformInt(0, 9)) {
      case 0:
      case 1:
      case 2:
        this.#keep(cpu.kmalloc(size), size);
        break;
      case 3:
        this.#keep(
          cpu.nmi(() => cpu.kmallocNolock(size)),
          size,
        );
        break;
      case 4:
        for (const object of cpu.kmallocBulk(size, 7)) this.#keep(object, size);
        break;
      case 5:
        if (this.#live.length > 8) {
          cpu.kfreeBulk(Array.from({ length: 8 }, () => this.#drop()));
        }
        break;
      case 6:
      case 7:
        if (this.#live.length > 0) cpu.nmi(() => cpu.kfreeNolock(this.#drop()));
        break;
      default:
        if (this.#live.length > 0) cpu.kfree(this.#drop());
    }
  }

  end(): void {
    while (this.#live.length > 0) this.#pick().kfree(this.#drop());
    for (const cpu of this.cpus) cpu.poll();
    this.cpus[0]?.barrier();
  }
}

describe.each(DEBUG_HEAPS)("a storm with %o", (options) => {
  test.each<DeferArm>([...DEFER_ARMS])("in the arm %s ends with nothing in use", (defer) => {
    const heap = new TestHeap({ build: "debug", defer, ...options });
    const storm = new Storm(heap);
    for (let step = 0; step < 400; step++) storm.step();
    heap.expectSound();
    storm.end();
    for (const cache of heap.view.caches()) {
      if ((cache.flags & SLAB_DEBUG_FLAGS) === 0) continue;
      expect(inUse(heap, cache), cache.name).toBe(0);
      expect(storm.cpus[0]?.validateCache(cache), cache.name).toBe(0);
      for (let cpu = 0; cpu < heap.cpuCount; cpu++) {
        expect(heap.view.cpuCache(cpu, cache.index)).toMatchObject({ slab: 0, partial: 0 });
      }
    }
    expect(heap.reports).toEqual([]);
  });
});

describe("lists", () => {
  const boot = () => {
    const heap = new TestHeap({ build: "debug", slabDebug: "FZPU,kmalloc-1k" });
    const cache = heap.cache("kmalloc-1k");
    return { heap, cpu: heap.cpu(0), cache };
  };
  const full = (heap: TestHeap, cache: CacheView) => heap.view.node(cache.index, 0).full;

  test("add_full(), remove_full(): a slab is listed as full from its last object on", () => {
    const { heap, cpu, cache } = boot();
    const objects = cpu.take(1000, cache.objects - 1);
    expect(full(heap, cache)).toBe(0);
    expect(heap.nrPartial(cache)).toBe(1);
    objects.push(cpu.kmalloc(1000));
    expect(full(heap, cache)).toBe(heap.slabAddressOf(objects[0] ?? 0));
    expect(heap.nrPartial(cache)).toBe(0);
    heap.expectSound();
    cpu.kfree(objects.pop() ?? 0);
    expect(full(heap, cache)).toBe(0);
    expect(heap.nrPartial(cache)).toBe(1);
    for (const object of objects) cpu.kfree(object);
  });

  test("empty slabs beyond min_partial go back, also those that were full", () => {
    const { heap, cpu, cache } = boot();
    const objects = cpu.take(1000, cache.objects * (cache.min_partial + 3));
    cpu.kfreeBulk(objects);
    expect(heap.slabCount(cache)).toBe(cache.min_partial);
    expect(heap.nrPartial(cache)).toBe(cache.min_partial);
    expect(heap.stat(cache, "FREE_SLAB")).toBe(3);
    expect(cpu.exports.kmem_cache_shrink(cache.address)).toBe(cache.min_partial);
    expect(heap.slabCount(cache)).toBe(0);
  });

  test("nr_partial is right, and an object comes from the first partial slab", () => {
    const { heap, cpu, cache } = boot();
    const objects = cpu.take(1000, cache.objects * 3);
    const [first, , third] = [0, 1, 2].map((slab) => objects[slab * cache.objects] ?? 0);
    cpu.kfree(third ?? 0);
    cpu.kfree(first ?? 0);
    expect(heap.nrPartial(cache)).toBe(2);
    expect(cpu.kmalloc(1000)).toBe(third);
    expect(heap.nrPartial(cache)).toBe(1);
    expect(heap.stat(cache, "FREE_ADD_PARTIAL")).toBe(2);
  });
});

describe("alloc_debug_processing()", () => {
  test("marks all objects of a bad slab used, and later frees to it are leaked", () => {
    const heap = new TestHeap({ build: "debug", slabDebug: "FZPU,kmalloc-64" });
    const cpu = heap.cpu(0);
    const cache = heap.cache("kmalloc-64");
    const [kept = 0, freed = 0] = cpu.take(64, 2);
    const slab = heap.slabAddressOf(kept);
    cpu.kfree(freed);
    // Written after the free; the next allocation would hand it out.
    heap.setU32(freed, 0x41414141);
    const object = cpu.kmalloc(64);
    expect(object).not.toBe(0);
    expect(heap.slabAddressOf(object)).not.toBe(slab);
    expect(heap.reports.map((text) => text.split("\n")[0])).toEqual([
      "BUG kmalloc-64 (Not tainted): Poison overwritten",
      expect.stringMatching(/^FIX kmalloc-64: Restoring Poison 0x[0-9a-f]+-0x[0-9a-f]+=0x6b$/),
      "FIX kmalloc-64: Marking all objects used",
    ]);
    const page = heap.view.page(heap.view.pfnOf(slab));
    expect(page).toMatchObject({ frozen: true, freelist: 0, inuse: cache.objects });
    heap.expectSound();
    cpu.kfree(kept);
    expect(heap.reports.at(-2)).toContain("Slab disabled since SLUB metadata consistency check");
    expect(heap.reports.at(-1)).toMatch(/FIX kmalloc-64: Object at 0x[0-9a-f]+ not freed/);
    expect(heap.view.page(heap.view.pfnOf(slab)).inuse).toBe(cache.objects);
    cpu.kfree(object);
  });

  test("a wild free pointer is never followed, checks or not", () => {
    for (const slabDebug of ["Z", "FZPU", "U"]) {
      const heap = new TestHeap({ build: "debug", slabDebug });
      const cpu = heap.cpu(0);
      const cache = heap.cache("kmalloc-64");
      const object = cpu.kmalloc(64);
      cpu.kfree(object);
      heap.setU32(object + cache.offset, 0xfffffff0);
      const taken = cpu.take(64, 3);
      expect(new Set(taken).size, slabDebug).toBe(3);
      expect(heap.slabErrors, slabDebug).toBeGreaterThan(0);
      heap.expectSound();
    }
  });
});

describe("free_debug_processing()", () => {
  test("a bulk free that names an object twice frees none of that group", () => {
    const heap = new TestHeap({ build: "debug", slabDebug: "FZPU" });
    const cpu = heap.cpu(0);
    const [a = 0, b = 0] = cpu.take(64, 2);
    cpu.kfreeBulk([a, b, a]);
    expect(heap.reports.at(-1)).toMatch(/not freed/);
    heap.expectSound();
  });

  test("more objects than are in use are refused without F too", () => {
    const heap = new TestHeap({ build: "debug", slabDebug: "Z,kmalloc-64" });
    const cpu = heap.cpu(0);
    const [a = 0, b = 0] = cpu.take(64, 2);
    cpu.kfree(a);
    cpu.kfreeBulk([a, b]);
    expect(heap.reports[0]).toContain("Slab has 1 allocated objects but 2 are to be freed");
    cpu.kfree(b);
    heap.abandon();
  });
});

describe("nolock", () => {
  const boot = (options: TestHeapOptions = {}) => {
    const heap = new TestHeap({ build: "debug", slabDebug: "FZPU,kmalloc-64", ...options });
    return { heap, cpu: heap.cpu(0), cache: heap.cache("kmalloc-64") };
  };

  test("an allocation tries list_lock once: from a partial slab, or a new one", () => {
    const { heap, cpu, cache } = boot();
    const objects = [cpu.nmi(() => cpu.kmallocNolock(64)), cpu.nmi(() => cpu.kmallocNolock(64))];
    expect(objects).not.toContain(0);
    expect(heap.counts(cache)).toMatchObject({ ALLOC_SLAB: 1, ALLOC_FROM_PARTIAL: 1 });
    for (const object of objects) cpu.kfree(object);
  });

  test("c379b745e12a: alloc_single_from_new_slab() that misses the lock fails, once", () => {
    const { heap, cpu, cache } = boot();
    const counts = heap.countsOf(cache, () => {
      const object = cpu.interruptSection(listLock(heap, cache), () => cpu.kmallocNolock(64));
      expect(object).toBe(0);
    });
    expect(counts).toMatchObject({ ALLOC_SLAB: 1, NOLOCK_NULL: 1 });
  });

  test("free_slab(), not deactivate, for a slab that was never used", () => {
    const { heap, cpu, cache } = boot();
    cpu.kfree(cpu.kmalloc(200));
    const free = heap.freePages();
    const found = whileHeld(heap, listLock(heap, cache), 1, () =>
      cpu.nmi(() => cpu.kmallocNolock(64)),
    );
    expect(found).toBe(0);
    expect(heap.view.cpu(0)).toMatchObject({ defer_slabs: 0, irq_pending: 0 });
    expect(heap.view.node(cache.index, 0)).toMatchObject({ nr_slabs: 0, total_objects: 0 });
    expect(heap.slabCount(cache)).toBe(0);
    expect(heap.counts(cache)).toMatchObject({ FREE_SLAB: 1 });
    expect(heap.freePages()).toBeLessThanOrEqual(free);
  });

  test("with a partial slab there and its lock held it fails too", () => {
    const { heap, cpu, cache } = boot();
    const kept = cpu.kmalloc(64);
    const found = whileHeld(heap, listLock(heap, cache), 1, () =>
      cpu.nmi(() => cpu.kmallocNolock(64)),
    );
    expect(found).toBe(0);
    cpu.kfree(kept);
  });

  test.each([0, HARDENED])(
    "set_freepointer(x, NULL): a deferred object is no corruption when it is drained (%i)",
    (options) => {
      const { heap, cpu, cache } = boot({ options });
      const objects = cpu.take(64, 3);
      const counts = heap.countsOf(cache, () => {
        cpu.nmi(() => {
          for (const object of objects) cpu.kfreeNolock(object);
        });
        cpu.poll();
      });
      expect(counts).toMatchObject({ DEFER_ADD: 3, DEFER_DRAINED: 3 });
      expect(heap.reports).toEqual([]);
      expect(cpu.validateCache(cache)).toBe(0);
    },
  );

  test.each<DeferArm>(DEFER_ARMS.filter((arm) => arm !== "none"))(
    "a free is always deferred, in the arm %s",
    (defer) => {
      const { heap, cpu, cache } = boot({ defer });
      const object = cpu.kmalloc(64);
      const counts = heap.countsOf(cache, () => cpu.kfreeNolock(object));
      expect(counts).toEqual({
        DEFER_ADD: 1,
        ...(counts["DEFER_RAISE"] ? { DEFER_RAISE: 1 } : {}),
      });
      expect(inUse(heap, cache)).toBe(1);
      cpu.barrier();
      expect(inUse(heap, cache)).toBe(0);
    },
  );

  test.each<DeferArm>(["percpu-deactivate", "percpu-switch"])(
    "the arm %s drains where a debug cache would make a new slab",
    (defer) => {
      const { heap, cpu, cache } = boot({ defer });
      for (let round = 0; round < 20; round++) {
        for (const object of cpu.take(64, cache.objects)) cpu.kfreeNolock(object);
      }
      expect(heap.slabCount(cache)).toBeLessThan(5 + cache.min_partial);
    },
  );

  test("without cmpxchg a debug cache still serves nolock calls", () => {
    const { heap, cpu, cache } = boot({ options: NO_CMPXCHG });
    const object = cpu.nmi(() => cpu.kmallocNolock(64));
    expect(object).not.toBe(0);
    expect(
      cpu.nmi(() => cpu.kmallocNolock(200)),
      "a plain cache does not",
    ).toBe(0);
    cpu.nmi(() => cpu.kfreeNolock(object));
    cpu.poll();
    expect(inUse(heap, cache)).toBe(0);
  });

  test("a report's handler may call nolock functions", () => {
    const { heap, cpu, cache } = boot();
    const object = cpu.kmalloc(60);
    const inside: number[] = [];
    heap.onReport = () => inside.push(cpu.kmallocNolock(64), cpu.kmallocNolock(200));
    heap.setU32(object + 60, 0);
    cpu.kfree(object);
    heap.onReport = undefined;
    // list_lock of kmalloc-64 is held meanwhile.
    expect(inside.filter((_, index) => index % 2 === 0).every((each) => each === 0)).toBe(true);
    for (const each of inside.filter((each) => each !== 0)) cpu.kfree(each);
    expect(cpu.validateCache(cache)).toBe(0);
  });
});

test("a CPU that may not wait gets its object although list_lock was held a while", () => {
  const heap = new TestHeap({ build: "debug", slabDebug: "FZPU" });
  const cpu = heap.cpu(0, { mayWait: false });
  const objects = cpu.take(64, 100);
  cpu.kfreeBulk(objects);
  expect(heap.reports).toEqual([]);
});

test("objects of another node are taken before memory is reported out", () => {
  const sizes = { maximumBytes: 16 * MIB, initialBytes: 16 * MIB };
  const heap = new TestHeap({ build: "debug", slabDebug: "FZPU", nodes: 2, ...sizes });
  const [zero, one] = heap.cpus() as [TestCpu, TestCpu];
  const there = zero.kmallocNode(2000, 1);
  expect(heap.slabOf(there).node).toBe(1);
  const objects = zero.takeAll(2000);
  expect(zero.kmalloc(2000)).toBe(0);
  one.kfree(there);
  expect(zero.kmalloc(2000)).toBe(there);
  for (const object of [...objects, there]) one.kfree(object);
  expect(one.validateCache(heap.cache("kmalloc-2k"))).toBe(0);
});
