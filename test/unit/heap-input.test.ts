/**
 * Goal: nothing that comes in from JavaScript can break the heap.
 * Method: every kind of bad argument to every call; then the heap must still be sound, and an
 * object that was live must still hold what was written to it.
 */
import {
  type Cpu,
  createHeap,
  type Heap,
  type KmemCache,
  SLAB_HWCACHE_ALIGN,
  SlabError,
  ZERO_SIZE_PTR,
} from "slablab";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const NO_INTEGERS: readonly unknown[] = [
  ...[Number.NaN, -1, 1.5, 2 ** 32, Number.POSITIVE_INFINITY, -(2 ** 31)],
  ...["64", "", null, {}, [], [1], true, () => 1],
  // What the engine would complain about in its own words, or run the code of.
  ...[5n, -1n, Symbol("five"), Object.create(null), { valueOf: () => 8 }, new Date(8)],
  { valueOf: () => expect.unreachable("valueOf() was called") },
  { [Symbol.toPrimitive]: () => expect.unreachable("toPrimitive was called") },
];

let heap: Heap;
let cpu: Cpu;
let witness: number;

beforeEach(async () => {
  heap = await createHeap({ cpus: 2, maximumBytes: 2 ** 24 });
  cpu = heap.cpu();
  witness = cpu.kmalloc(64);
  cpu.bytes(witness, 64).fill(0x5a);
});

afterEach(() => {
  expect([...cpu.bytes(witness, 64)]).toEqual(Array(64).fill(0x5a));
  expect(heap.validate()).toEqual([]);
});

/** What `call` throws; fails if it does not. */
function caught(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected the call to throw");
}

describe("arguments that are no integers in 0..2^32-1", () => {
  const calls: Record<string, (cpu: Cpu, value: never) => unknown> = {
    "kmalloc(size)": (c, value) => c.kmalloc(value),
    "kmalloc(flags)": (c, value) => c.kmalloc(8, value),
    "kmallocNode(size)": (c, value) => c.kmallocNode(value, 0, 0),
    "kmallocNode(flags)": (c, value) => c.kmallocNode(8, value, 0),
    "kmallocNode(node)": (c, value) => c.kmallocNode(8, 0, value === -1 ? (2 as never) : value),
    "kzalloc(size)": (c, value) => c.kzalloc(value),
    "kcalloc(count)": (c, value) => c.kcalloc(value, 8),
    "kcalloc(size)": (c, value) => c.kcalloc(8, value),
    "krealloc(pointer)": (c, value) => c.krealloc(value, 8),
    "krealloc(size)": (c, value) => c.krealloc(0, value),
    "kfree(pointer)": (c, value) => c.kfree(value),
    "kfreeNolock(pointer)": (c, value) => c.kfreeNolock(value),
    "ksize(pointer)": (c, value) => c.ksize(value),
    "krealloc(flags)": (c, value) => c.krealloc(0, 8, value),
    "kmallocNolock(size)": (c, value) => c.kmallocNolock(value),
    "kmallocNolock(flags)": (c, value) => c.kmallocNolock(8, value),
    "kfreeRcu(pointer)": (c, value) => c.kfreeRcu(value),
    "kmallocBulk(flags)": (c, value) => c.kmallocBulk(8, 1, value),
    "kfreeBulk([one pointer])": (c, value) => c.kfreeBulk([value]),
    "kmemCacheCreate({ size })": (c, value) => c.kmemCacheCreate({ name: "n", size: value }),
    "kmemCacheCreate({ align })": (c, value) =>
      c.kmemCacheCreate({ name: "n", size: 8, align: value }),
    "kmemCacheCreate({ flags })": (c, value) =>
      c.kmemCacheCreate({ name: "n", size: 8, flags: value }),
    "memcgCreate({ limitBytes })": (c, value: unknown) => {
      const isLimit = typeof value === "number" && value >= 4096;
      return c.memcgCreate({ name: "n", limitBytes: (isLimit ? 0 : value) as never });
    },
    "kmallocBulk(size)": (c, value) => c.kmallocBulk(value, 1),
    "kmallocBulk(count)": (c, value) => c.kmallocBulk(8, value),
    "kfreeBulk([pointer])": (c, value) => c.kfreeBulk([0, value]),
    "alignedAlloc(align)": (c, value) => c.alignedAlloc(value, 8),
    "alignedAlloc(size)": (c, value) => c.alignedAlloc(8, value),
    "bytes(pointer)": (c, value) => c.bytes(value, 1),
    "bytes(count)": (c, value) => c.bytes(4096, value),
    "view(pointer)": (c, value) => c.view(value, Uint32Array, 1),
    "view(count)": (c, value) => c.view(4096, Uint32Array, value),
    "heap.cpu(id)": (_c, value) => heap.cpu(value),
  };
  test.each(Object.entries(calls))("%s throws and says what came", (_name, call) => {
    for (const value of NO_INTEGERS) {
      const error = caught(() => call(cpu, value as never));
      const isRange = typeof value === "number";
      expect(error).toBeInstanceOf(isRange ? RangeError : TypeError);
      expect(error.message).toMatch(/expected .+, got .+; /);
    }
  });

  test("undefined throws where there is no default", () => {
    const none = undefined as unknown as number;
    for (const call of [() => cpu.kmalloc(none), () => cpu.kfree(none), () => cpu.ksize(none)]) {
      expect(caught(call)).toBeInstanceOf(TypeError);
    }
  });

  test("options of a heap and numbers of CPUs say what came, too", async () => {
    const keys = ["cpus", "nodes", "maximumBytes", "initialBytes", "reserveBytes", "maxCaches"];
    // Some numbers are too large for an argument, and right for an option.
    for (const value of NO_INTEGERS.filter((each) => each !== 2 ** 32)) {
      for (const key of [...keys, "seed"]) {
        await expect(createHeap({ [key]: value })).rejects.toThrow(/expected .+, got .+; /);
      }
      const failslab = { nth: value } as never;
      await expect(createHeap({ failslab })).rejects.toThrow(/expected .+, got .+; /);
      await expect(heap.reap(value as never)).rejects.toThrow(/expected .+, got .+; /);
    }
  });

  test("flags that do not exist and nodes that do not exist throw a RangeError", () => {
    expect(() => cpu.kmalloc(8, 0x100)).toThrow(/flags among 0x3, got 0x100/);
    expect(() => cpu.kmallocNode(8, 0, 1)).toThrow(RangeError);
    expect(() => cpu.kmallocNode(8, 0, -2)).toThrow(RangeError);
    expect(() => cpu.kmallocNolock(8, 0, 7)).toThrow(RangeError);
  });

  test("an alignment that is no power of two up to 4 MiB throws a RangeError", () => {
    for (const align of [0, 3, 12, 2 ** 23, 2 ** 31]) {
      expect(() => cpu.alignedAlloc(align, 8)).toThrow(/power of two/);
    }
  });
});

describe("pointers that are no objects", () => {
  /** Each must be refused by every free, by ksize and by krealloc. */
  function expectRefused(pointer: number, report: RegExp): void {
    const calls = [
      () => cpu.kfree(pointer),
      () => cpu.kfreeNolock(pointer),
      () => cpu.kfreeBulk([pointer]),
      () => cpu.ksize(pointer),
      () => cpu.krealloc(pointer, 10),
    ];
    for (const call of calls) {
      const error = caught(call);
      expect(error).toBeInstanceOf(SlabError);
      expect((error as SlabError).report).toMatch(report);
      expect(error.message).toMatch(/^cpu\.\w+(\[0\])?\(0x[0-9a-f]+\): expected .+, got .+; /);
    }
  }

  test("a wild pointer is refused", () => {
    for (const wild of [1, 8, 24, 4096, 8192, 2 ** 24, 2 ** 31, 2 ** 32 - 8, 2 ** 32 - 1]) {
      expectRefused(wild, /^BUG kmalloc: Invalid object pointer 0x/);
    }
  });

  test("an interior or unaligned pointer is refused", () => {
    for (const offset of [1, 4, 8, 32, 63]) {
      expectRefused(witness + offset, /^BUG kmalloc-64: Invalid object pointer 0x/);
    }
  });

  test("a pointer into a large allocation is refused, its start is not", () => {
    const large = cpu.kmalloc(50_000);
    for (const offset of [1, 4096, 49_999]) {
      expectRefused(large + offset, /^BUG kmalloc: Invalid object pointer 0x/);
      const inside = `got one inside a large allocation; try 0x${large.toString(16)}`;
      expect(() => cpu.kfree(large + offset)).toThrow(inside);
    }
    cpu.kfree(large);
  });

  test("a pointer into a page that nobody allocated is refused", () => {
    const large = cpu.kmalloc(2 ** 20);
    cpu.kfree(large);
    expectRefused(large, /kind=buddy/);
  });

  test("the space behind the last object of a slab is refused", () => {
    const [first] = cpu.kmallocBulk(96, 42).filter((pointer) => pointer % 4096 === 0);
    expectRefused((first ?? 0) + 42 * 96, /Invalid object pointer/);
  });

  test("an immediate double free is refused in the kernel's words", () => {
    const pointer = cpu.kmalloc(200);
    cpu.kfree(pointer);
    const error = caught(() => cpu.kfree(pointer)) as SlabError;
    expect(error.report).toMatch(/^BUG kmalloc-256: Object already free\n-+\nINFO: Slab 0x/);
    expect(error.report).toMatch(/INFO: Slab 0x[0-9a-f]+ objects=\d+ used=\d+ fp=0x[0-9a-f]+/);
    expect(error.report).toMatch(/INFO: Object 0x[0-9a-f]+ @offset=\d+ fp=0x[0-9a-f]+/);
    expect(() => cpu.kfreeNolock(pointer)).toThrow(SlabError);
  });

  test("the debug build refuses every double free, however old", async () => {
    const debug = await createHeap({ cpus: 1, maximumBytes: 2 ** 24, build: "debug" });
    const debugCpu = debug.cpu();
    const objects = [...debugCpu.kmallocBulk(64, 200)];
    for (const object of objects) debugCpu.kfree(object);
    for (const object of objects) {
      const error = caught(() => debugCpu.kfree(object)) as SlabError;
      expect(error.report).toMatch(/already free|Invalid object pointer/);
    }
    expect(debug.validate()).toEqual([]);
  });

  test("a large allocation is refused by a nolock free only", () => {
    const large = cpu.kmalloc(50_000);
    expect(() => cpu.kfreeNolock(large)).toThrow(/large allocation/);
    cpu.kfree(large);
  });

  test("a bulk free with one bad pointer frees none of them", () => {
    const good = [...cpu.kmallocBulk(64, 20)];
    for (const bad of [4096, good[3] ?? 0, witness + 8]) {
      expect(() => cpu.kfreeBulk([...good, bad])).toThrow(SlabError);
    }
    cpu.kfreeBulk(good);
  });

  test("views outside the memory, in the null page or unaligned throw a RangeError", () => {
    const end = heap.handle.memory.buffer.byteLength;
    expect(() => cpu.bytes(0, 1)).toThrow(/NULL/);
    expect(() => cpu.bytes(ZERO_SIZE_PTR, 1)).toThrow(RangeError);
    expect(() => cpu.bytes(end - 4, 8)).toThrow(RangeError);
    expect(() => cpu.bytes(2 ** 32 - 1, 2 ** 32 - 1)).toThrow(RangeError);
    expect(() => cpu.view(witness + 1, Uint16Array, 1)).toThrow(/multiple of 2/);
    expect(() => cpu.view(witness, DataView as never, 1)).toThrow(TypeError);
    expect(cpu.bytes(ZERO_SIZE_PTR, 0)).toHaveLength(0);
  });
});

describe("caches and their objects", () => {
  let cache: KmemCache;
  beforeEach(() => {
    cache = cpu.kmemCacheCreate({ name: "thing", size: 48, flags: SLAB_HWCACHE_ALIGN });
  });

  test("an object of another cache is refused, and says whose it is", () => {
    const error = caught(() => cache.free(witness)) as SlabError;
    expect(error.report).toMatch(/^BUG kmalloc-64: Wrong slab cache. thing but object is from/);
    expect(() => cache.freeNolock(witness)).toThrow(SlabError);
    expect(() => cache.freeBulk([cache.alloc(), witness])).toThrow(SlabError);
    expect(() => cache.free(cpu.kmalloc(100_000))).toThrow(/no object of any cache/);
  });

  test("kfree takes objects of every cache", () => {
    cpu.kfree(cache.alloc());
    expect(cache.destroy()).toEqual({ released: true, remaining: 0, objects: [], sheaves: 0 });
  });

  test("bad arguments of a cache's calls throw", () => {
    for (const value of NO_INTEGERS) {
      const calls = [
        () => cache.free(value as never),
        () => cache.freeNolock(value as never),
        () => cache.freeBulk([value as never, 0]),
        () => cache.alloc(value as never),
        () => cache.allocNolock(value as never),
        () => cache.allocBulk(value as never),
        () => cache.allocBulk(1, value as never),
      ];
      for (const call of calls) expect(call).toThrow(/expected .+, got .+; /);
    }
  });

  test("bad options of kmemCacheCreate throw and create nothing", () => {
    const bad: readonly unknown[] = [
      null,
      {},
      { name: "a" },
      { name: "", size: 8 },
      { name: 5, size: 8 },
      { name: "a b", size: 8 },
      { name: "x".repeat(32), size: 8 },
      { name: "ä".repeat(16), size: 8 },
      { name: "thing", size: 8 },
      { name: "kmalloc-64", size: 8 },
      { name: "a", size: 0 },
      { name: "a", size: 2 ** 23 },
      { name: "a", size: 8, align: 3 },
      { name: "a", size: 8, align: 8192 },
      { name: "a", size: 8, flags: 2 },
      { name: "a", size: 8, ctor: 1 },
      { name: "a", size: 8, constructor_: () => {} },
    ];
    const before = heap.slabinfo().map(({ name }) => name);
    for (const options of bad) {
      expect(caught(() => cpu.kmemCacheCreate(options as never)).message).toMatch(/expected .+got/);
    }
    expect(heap.slabinfo().map(({ name }) => name)).toEqual(before);
  });

  test("the allocator's own caches can be opened but not destroyed", () => {
    const own = cpu.kmemCacheOpen("kmalloc-64");
    own.free(own.alloc());
    expect(() => own.destroy()).toThrow(/kmalloc\(\) needs/);
  });
});
