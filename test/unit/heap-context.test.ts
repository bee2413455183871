/**
 * Goal: NMIs and CPUs that come and go leave the heap sound, whatever throws.
 * Method: each is interrupted at the worst moment that JavaScript can reach; then validate().
 */
import { type Cpu, createHeap, type Heap } from "slablab";
import { DEFER_ARMS } from "slablab/internal/heap/arms.js";
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

describe("nmi", () => {
  test("returns what the function returns, and its calls do not wait", () => {
    const pointer = cpu.nmi(() => {
      expect(depth()).not.toBe(0);
      return cpu.kmalloc(64);
    });
    expect(depth()).toBe(0);
    cpu.kfree(pointer);
  });

  test("restores the depth when the function throws, at every level of nesting", () => {
    const error = new Error("in the handler");
    const inner = () => {
      const before = depth();
      expect(() =>
        cpu.nmi(() => {
          throw error;
        }),
      ).toThrow(error);
      expect(depth()).toBe(before);
      throw error;
    };
    expect(() => cpu.nmi(() => cpu.nmi(inner))).toThrow(error);
    expect(depth()).toBe(0);
    expect(cpu.kmalloc(100_000)).not.toBe(0);
  });

  test("restores the depth when the handler left an interrupt open and threw", () => {
    const fn = () => {
      cpu.exports.irq_enter();
      throw new Error("half way");
    };
    expect(() => cpu.nmi(fn)).toThrow("half way");
    expect(depth()).toBe(0);
  });

  test("nests 15 deep and refuses the 16th", () => {
    const nest = (levels: number): number =>
      levels === 0 ? depth() : cpu.nmi(() => nest(levels - 1));
    expect(nest(15)).toBe(0xf000);
    expect(() => nest(16)).toThrow(/at most 15 nested NMIs/);
    expect(depth()).toBe(0);
  });

  test("needs a function", () => {
    expect(() => cpu.nmi(5 as never)).toThrow(TypeError);
    expect(depth()).toBe(0);
  });

  test.each(DEFER_ARMS)("frees in it are drained in the end, arm %s", async (defer) => {
    heap = await createHeap({ cpus: 1, maximumBytes: 2 ** 24, defer });
    cpu = heap.cpu();
    const objects = [...cpu.kmallocBulk(64, 500)];
    cpu.nmi(() => {
      for (const object of objects) cpu.kfree(object);
    });
    expect(heap.validate()).toEqual([]);
    cpu.exports.defer_free_barrier();
    expect(heap.validate()).toEqual([]);
    const again = [...cpu.kmallocBulk(64, 500)];
    expect(again.filter((object) => objects.includes(object)).length).toBeGreaterThan(400);
  });
});

describe("CPUs that come and go", () => {
  test("numbers are given out in order; a taken or impossible one is a RangeError", () => {
    expect(heap.cpu(2).id).toBe(2);
    expect(heap.cpu().id).toBe(1);
    expect(() => heap.cpu(2)).toThrow(RangeError);
    expect(() => heap.cpu()).toThrow(/all 3 CPUs are taken/);
    for (const id of [3, 256, -1, 0.5, Number.NaN]) {
      expect(() => heap.cpu(id)).toThrow(/made for 3 CPUs.*expected an integer in 0\.\.2/);
    }
    expect(() => heap.cpu("1" as never)).toThrow(TypeError);
    expect(() => heap.cpu({} as never)).toThrow(TypeError);
  });

  test("bad options of cpu() throw", () => {
    expect(() => heap.cpu(1, { mayWait: 1 as never })).toThrow(TypeError);
    expect(() => heap.cpu(1, { maywait: true } as never)).toThrow(/mayWait/);
    expect(() => heap.cpu(1, { onTrace: () => {} })).toThrow(RangeError);
    expect(() => heap.cpu(1, { onTrace: () => {} })).toThrow(/createHeap\(\{ build: "trace" \}\)/);
    expect(heap.cpu(1).mayWait).toBe(true);
    expect(heap.cpu(2, { mayWait: false }).mayWait).toBe(false);
  });

  test("a CPU that may not wait does what others do, growth and large allocations included", () => {
    const other = heap.cpu(1, { mayWait: false });
    const large = other.kmalloc(5 * 2 ** 20);
    expect(large).not.toBe(0);
    other.kfree(large);
    const cache = other.kmemCacheCreate({ name: "impatient", size: 100 });
    other.kfreeBulk(cache.allocBulk(500));
    expect(cache.destroy().released).toBe(true);
  });

  test("after offline() every call throws, the number is free, and objects live on", () => {
    const pointer = cpu.kmalloc(64);
    cpu.bytes(pointer, 64).fill(7);
    const cache = cpu.kmemCacheCreate({ name: "mine", size: 64 });
    const object = cache.alloc();
    cpu.offline();
    const calls: (() => unknown)[] = [
      ...[() => cpu.kmalloc(8), () => cpu.kfree(pointer), () => cpu.kfree(0)],
      ...[() => cpu.kzalloc(8), () => cpu.kcalloc(1, 8), () => cpu.krealloc(0, 8)],
      ...[() => cpu.ksize(pointer), () => cpu.kmallocNode(8, 0, 0), () => cpu.kmallocNolock(8)],
      ...[() => cpu.kfreeNolock(pointer), () => cpu.kmallocBulk(8, 0), () => cpu.kfreeBulk([])],
      ...[() => cpu.kmallocBulk(0, 1), () => cpu.alignedAlloc(8, 8), () => cpu.poll()],
      ...[() => cpu.bytes(pointer, 8), () => cpu.view(pointer, Uint32Array, 1)],
      ...[() => cpu.nmi(() => 0), () => cpu.offline(), () => cpu.exports.malloc(8)],
      ...[() => cpu.kmemCacheCreate({ name: "x", size: 8 }), () => cpu.kmemCacheOpen("mine")],
      ...[() => cache.alloc(), () => cache.free(object), () => cache.allocBulk(0)],
      ...[() => cache.freeBulk([]), () => cache.destroy(), () => cache.allocNolock()],
    ];
    for (const call of calls) expect(call).toThrow(/CPU 0: expected a CPU that is online/);
    expect(heap.validate()).toEqual([]);
    cpu = heap.cpu(0);
    expect(cpu.bytes(pointer, 64)[63]).toBe(7);
    cpu.kfree(pointer);
    cpu.kmemCacheOpen("mine").free(object);
  });

  test("offline() and destroy() are refused inside nmi() and inside a constructor", () => {
    const errors: string[] = [];
    const attempt = (call: () => unknown) => {
      try {
        call();
      } catch (error) {
        errors.push((error as Error).message);
      }
    };
    const plain = cpu.kmemCacheCreate({ name: "plain", size: 8 });
    const all = () => {
      attempt(() => cpu.offline());
      attempt(() => plain.destroy());
      attempt(() => cpu.kmemCacheCreate({ name: "other", size: 8 }));
    };
    const cache = cpu.kmemCacheCreate({ name: "ctor", size: 4000, ctor: all });
    cpu.nmi(all);
    expect(errors).toHaveLength(3);
    cache.alloc();
    expect(errors.length).toBeGreaterThan(3);
    for (const message of errors) expect(message).toMatch(/outside nmi\(\) and constructors/);
    plain.alloc();
  });
});
