/**
 * Goal: constructors run when they should, and one that throws or calls back harms nothing.
 * Method: they are made to fail and to nest at every place JavaScript can reach; then validate().
 */
import { readFieldTable } from "slablab/internal/heap/fields.js";
import { __GFP_ZERO, type Cpu, createHeap, type Heap, type KmemCache } from "slablab";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let heap: Heap;
let cpu: Cpu;

beforeEach(async () => {
  heap = await createHeap({ cpus: 3, maximumBytes: 2 ** 24, build: "stats" });
  cpu = heap.cpu();
});

afterEach(() => {
  expect(heap.validate()).toEqual([]);
});

/** What the CPU is in the middle of: 0 for nothing. */
function depth(): number {
  return cpu.exports.preempt_count();
}

describe("constructors", () => {
  const MARK = 0xc0ffee;
  let made: number;
  const ctor = (object: number) => {
    made++;
    cpu.view(object, Uint32Array, 2).set([MARK, object]);
  };
  beforeEach(() => {
    made = 0;
  });

  test("run once per object of a new slab and not at each allocation", () => {
    const cache = cpu.kmemCacheCreate({ name: "made", size: 40, ctor });
    const object = cache.alloc();
    const perSlab = heap.slabinfo().find(({ name }) => name === "made")?.objperslab ?? 0;
    // A refill takes what a sheaf has room for, of as many slabs as that needs.
    expect(made).toBe(Math.ceil(cache.sheafCapacity / perSlab) * perSlab);
    const before = made;
    expect([...cpu.view(object, Uint32Array, 2)]).toEqual([MARK, object]);
    for (let i = 0; i < 100; i++) {
      cache.free(object);
      expect(cache.alloc()).toBe(object);
    }
    expect(made).toBe(before);
    expect([...cpu.view(object, Uint32Array, 2)]).toEqual([MARK, object]);
  });

  test("one that throws makes the allocation throw the same, and nothing leaks", () => {
    const error = new RangeError("no resource");
    let countdown = 5;
    const cache = cpu.kmemCacheCreate({
      name: "throws",
      size: 64,
      ctor: () => {
        if (countdown-- === 0) throw error;
      },
    });
    const calls = [() => cache.alloc(), () => cache.allocNolock(), () => cache.allocBulk(100)];
    for (const call of calls) {
      countdown = 5;
      expect(call).toThrow(error);
      expect(depth()).toBe(0);
      expect(heap.validate()).toEqual([]);
    }
    expect(heap.slabinfo().find(({ name }) => name === "throws")?.num_slabs).toBe(0);
    countdown = 10_000;
    expect(cache.alloc()).not.toBe(0);
  });

  test("undefined may be thrown too", () => {
    const cache = cpu.kmemCacheCreate({
      name: "nothing",
      size: 64,
      ctor: () => {
        throw undefined;
      },
    });
    let thrown: unknown = "not thrown";
    try {
      cache.alloc();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeUndefined();
  });

  test("one may allocate and free, from its own cache too", () => {
    let inner: KmemCache | undefined;
    let isNested = false;
    const kept: number[] = [];
    const cache = cpu.kmemCacheCreate({
      name: "nested",
      size: 512,
      ctor: () => {
        if (isNested) return;
        isNested = true;
        kept.push(cpu.kmalloc(100), inner?.alloc() ?? 0);
        cpu.kfree(cpu.kmalloc(64));
        isNested = false;
      },
    });
    inner = cache;
    const objects = [cache.alloc(), cache.alloc()];
    expect(new Set([...objects, ...kept.filter(Boolean)]).size).toBeGreaterThan(2);
    expect(heap.validate()).toEqual([]);
  });

  test("a throw that a constructor catches itself goes no further", () => {
    const failing = cpu.kmemCacheCreate({
      name: "inner",
      size: 64,
      ctor: () => {
        throw new Error("inner");
      },
    });
    const cache = cpu.kmemCacheCreate({
      name: "outer",
      size: 64,
      ctor: () => {
        expect(() => failing.alloc()).toThrow("inner");
      },
    });
    expect(cache.alloc()).not.toBe(0);
  });

  test("what a constructor threw in a raw call is not thrown by a later one", () => {
    let isBroken = true;
    const cache = cpu.kmemCacheCreate({
      name: "raw",
      size: 64,
      ctor: () => {
        if (isBroken) throw new Error("raw");
      },
    });
    const address = heapAddressOf("raw");
    expect(cpu.exports.kmem_cache_alloc(address, 0)).toBe(0);
    isBroken = false;
    cache.free(cache.alloc());
  });

  test("on another CPU a cache with a constructor needs one, and one without takes none", () => {
    cpu.kmemCacheCreate({ name: "made", size: 40, ctor });
    cpu.kmemCacheCreate({ name: "plain", size: 40 });
    const other = heap.cpu();
    expect(() => other.kmemCacheOpen("made")).toThrow(/made with a constructor/);
    expect(() => other.kmemCacheOpen("plain", { ctor })).toThrow(/made without one/);
    expect(() => other.kmemCacheOpen("absent")).toThrow(
      /expected one of kmalloc-96, .*made, plain/,
    );
    const object = other.kmemCacheOpen("made", { ctor }).alloc();
    expect(cpu.view(object, Uint32Array, 1)[0]).toBe(MARK);
  });

  test("__GFP_ZERO on constructed objects is refused", () => {
    const cache = cpu.kmemCacheCreate({ name: "made", size: 40, ctor });
    expect(() => cache.alloc(__GFP_ZERO)).toThrow(/__GFP_ZERO/);
    expect(() => cache.allocBulk(2, __GFP_ZERO)).toThrow(/__GFP_ZERO/);
  });

  function heapAddressOf(name: string): number {
    const { CPU_SCRATCH } = readFieldTable(heap.handle.module).constants;
    const scratch = cpu.exports.this_cpu.value + CPU_SCRATCH;
    new Uint8Array(heap.handle.memory.buffer, scratch, 64).fill(0);
    new Uint8Array(heap.handle.memory.buffer, scratch).set(new TextEncoder().encode(name));
    return cpu.exports.kmem_cache_open(scratch);
  }
});
