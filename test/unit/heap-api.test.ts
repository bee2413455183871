/**
 * Goal: the calls of a Cpu do what the documentation of the library says.
 * Method: one heap per test, small enough to be quick; after each the whole heap is validated.
 */
import {
  __GFP_ACCOUNT,
  __GFP_ZERO,
  type Cpu,
  createHeap,
  GFP_KERNEL,
  type Heap,
  NUMA_NO_NODE,
  ZERO_SIZE_PTR,
} from "slablab";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const MIB = 2 ** 20;

let heap: Heap;
let cpu: Cpu;

beforeEach(async () => {
  heap = await createHeap({ cpus: 2, maximumBytes: 32 * MIB });
  cpu = heap.cpu();
});

afterEach(() => {
  expect(heap.validate()).toEqual([]);
});

/** Addresses of `count` allocations of `size` bytes. */
function allocate(count: number, size: number): number[] {
  return Array.from({ length: count }, () => cpu.kmalloc(size));
}

describe("kmalloc and kfree", () => {
  test("an allocation can be written in full and keeps what was written", () => {
    const pointers = [1, 7, 8, 64, 100, 1000, 8192, 8193, 100_000].map((size) => {
      const pointer = cpu.kmalloc(size);
      cpu.bytes(pointer, size).fill(size & 0xff);
      return { pointer, size };
    });
    for (const { pointer, size } of pointers) {
      expect(cpu.bytes(pointer, size).every((byte) => byte === (size & 0xff))).toBe(true);
      cpu.kfree(pointer);
    }
  });

  test("powers of two are aligned to their size, everything to 8", () => {
    for (let size = 8; size <= 8192; size *= 2) expect(cpu.kmalloc(size) % size).toBe(0);
    for (const size of [1, 3, 17, 96, 192, 5000]) expect(cpu.kmalloc(size) % 8).toBe(0);
    expect(cpu.kmalloc(96) % 32).toBe(0);
    expect(cpu.kmalloc(192) % 64).toBe(0);
  });

  test("a size of 0 gives ZERO_SIZE_PTR, which is freed for nothing, as is NULL", () => {
    expect(cpu.kmalloc(0)).toBe(ZERO_SIZE_PTR);
    expect(cpu.kzalloc(0)).toBe(ZERO_SIZE_PTR);
    expect(cpu.kmallocNolock(0)).toBe(ZERO_SIZE_PTR);
    for (const nothing of [0, ZERO_SIZE_PTR]) {
      cpu.kfree(nothing);
      cpu.kfree(nothing);
      cpu.kfreeNolock(nothing);
      expect(cpu.ksize(nothing)).toBe(0);
    }
  });

  test("a freed object is the next one handed out", () => {
    const pointer = cpu.kmalloc(64);
    cpu.kfree(pointer);
    expect(cpu.kmalloc(64)).toBe(pointer);
  });

  test("an absurd size returns 0 and leaves the heap usable", () => {
    for (const size of [2 ** 32 - 1, 2 ** 31, 2 ** 30, 33 * MIB]) {
      expect(cpu.kmalloc(size)).toBe(0);
      expect(cpu.kzalloc(size)).toBe(0);
      expect(cpu.alignedAlloc(64, size)).toBe(0);
    }
    expect(cpu.kcalloc(2 ** 16, 2 ** 16)).toBe(0);
    expect(cpu.kcalloc(2 ** 31, 2)).toBe(0);
    expect(cpu.kmallocNolock(8193)).toBe(0);
    expect(cpu.kmalloc(64)).not.toBe(0);
  });

  test("an exhausted heap returns 0 and gives everything out again after the frees", () => {
    const first: number[] = [];
    for (let p = cpu.kmalloc(4096); p !== 0; p = cpu.kmalloc(4096)) first.push(p);
    expect(first.length).toBeGreaterThan((28 * MIB) / 4096);
    for (const pointer of first) cpu.kfree(pointer);
    const second = allocate(first.length, 4096);
    expect(second).not.toContain(0);
    expect(new Set(second).size).toBe(first.length);
  });

  test("an allocation above 4 MiB is one piece", () => {
    const pointer = cpu.kmalloc(9 * MIB);
    cpu.bytes(pointer, 9 * MIB).fill(3);
    expect(cpu.ksize(pointer)).toBeGreaterThanOrEqual(9 * MIB);
    expect(heap.validate()).toEqual([]);
    cpu.kfree(pointer);
  });
});

describe("the relatives of kmalloc", () => {
  test("kzalloc, kcalloc and __GFP_ZERO clear memory that was used before", () => {
    const dirty = allocate(64, 256);
    for (const pointer of dirty) cpu.bytes(pointer, 256).fill(0xff);
    for (const pointer of dirty) cpu.kfree(pointer);
    const pointers = [cpu.kzalloc(256), cpu.kcalloc(16, 16), cpu.kmalloc(256, __GFP_ZERO)];
    pointers.push(cpu.kmallocNolock(256, __GFP_ZERO), cpu.kmallocNode(256, __GFP_ZERO, 0));
    for (const pointer of pointers) {
      expect(cpu.bytes(pointer, 256).every((byte) => byte === 0)).toBe(true);
    }
  });

  test("krealloc keeps the content, in place where it fits", () => {
    const pointer = cpu.kmalloc(100);
    cpu.bytes(pointer, 100).fill(9);
    expect(cpu.krealloc(pointer, 128)).toBe(pointer);
    const moved = cpu.krealloc(pointer, 5000);
    expect(moved).not.toBe(pointer);
    expect([...cpu.bytes(moved, 100)]).toEqual(Array(100).fill(9));
    expect(cpu.krealloc(moved, 0)).toBe(ZERO_SIZE_PTR);
    expect(() => cpu.kfree(moved)).toThrow(/free/);
  });

  test("krealloc of NULL allocates; one that cannot be met leaves the old allocation", () => {
    const pointer = cpu.krealloc(0, 64);
    cpu.bytes(pointer, 64).fill(5);
    expect(cpu.krealloc(pointer, 2 ** 31)).toBe(0);
    expect(cpu.bytes(pointer, 64)[63]).toBe(5);
    cpu.kfree(pointer);
  });

  test("ksize says how much of the bucket may be used", () => {
    expect(cpu.ksize(cpu.kmalloc(100))).toBe(128);
    expect(cpu.ksize(cpu.kmalloc(1))).toBe(8);
    expect(cpu.ksize(cpu.kmalloc(10_000))).toBe(16_384);
  });

  test("alignedAlloc aligns to any power of two up to 4 MiB", () => {
    for (let align = 1; align <= 4 * MIB; align *= 2) {
      const pointer = cpu.alignedAlloc(align, 24);
      expect(pointer % align).toBe(0);
      expect(pointer).not.toBe(0);
      cpu.kfree(pointer);
    }
  });

  test("flags, node and their defaults are accepted", () => {
    expect(cpu.kmalloc(8, GFP_KERNEL)).not.toBe(0);
    expect(cpu.kmalloc(8, __GFP_ACCOUNT | __GFP_ZERO)).not.toBe(0);
    expect(cpu.kmallocNode(8, GFP_KERNEL, NUMA_NO_NODE)).not.toBe(0);
    expect(cpu.kmallocNolock(8, GFP_KERNEL, 0)).not.toBe(0);
  });

  test("either free takes objects of either allocation", () => {
    cpu.kfreeNolock(cpu.kmalloc(64));
    cpu.kfree(cpu.kmallocNolock(64));
  });
});

describe("bulk", () => {
  test("kmallocBulk gives distinct objects, kfreeBulk takes them all back", () => {
    for (const size of [0, 8, 100, 8192, 9000]) {
      const pointers = cpu.kmallocBulk(size, 50);
      expect(pointers).toHaveLength(50);
      if (size > 0) expect(new Set(pointers).size).toBe(50);
      cpu.kfreeBulk(pointers);
    }
    expect(cpu.kmallocBulk(64, 0)).toHaveLength(0);
  });

  test("kmallocBulk is all or nothing", () => {
    const free = () => heap.slabinfo().find(({ name }) => name === "kmalloc-4k")?.num_objs ?? 0;
    expect(cpu.kmallocBulk(4096, 10_000)).toHaveLength(0);
    expect(cpu.kmallocBulk(9000, 10_000)).toHaveLength(0);
    expect(cpu.kmallocBulk(64, 2 ** 32 - 1)).toHaveLength(0);
    expect(heap.validate()).toEqual([]);
    expect(free()).toBeLessThan(1000);
    expect(allocate(100, 4096)).not.toContain(0);
  });

  test("kmallocBulk clears with __GFP_ZERO", () => {
    const dirty = cpu.kmallocBulk(64, 32);
    for (const pointer of dirty) cpu.bytes(pointer, 64).fill(1);
    cpu.kfreeBulk(dirty);
    for (const pointer of cpu.kmallocBulk(64, 32, __GFP_ZERO)) {
      expect(cpu.bytes(pointer, 64).every((byte) => byte === 0)).toBe(true);
    }
  });

  test("kfreeBulk takes any array, mixed sizes, large allocations, NULL and ZERO_SIZE_PTR", () => {
    cpu.kfreeBulk([0, ZERO_SIZE_PTR, ...allocate(5, 64), ...allocate(3, 50_000), cpu.kmalloc(8)]);
    cpu.kfreeBulk(new Float64Array(allocate(9, 24)));
    cpu.kfreeBulk([]);
  });

  test("kfreeBulk works when no memory is left for its array", () => {
    const pointers: number[] = [];
    for (let p = cpu.kmalloc(32); p !== 0; p = cpu.kmalloc(32)) pointers.push(p);
    cpu.kfreeBulk(pointers);
    expect(cpu.kmalloc(4 * MIB)).not.toBe(0);
  });
});

describe("views", () => {
  test("bytes and views are fresh after the memory has grown", () => {
    const small = cpu.kmalloc(8);
    const before = cpu.bytes(small, 8);
    before.fill(1);
    const sizeBefore = heap.handle.memory.buffer.byteLength;
    const large = cpu.kmalloc(8 * MIB);
    expect(heap.handle.memory.buffer.byteLength).toBeGreaterThan(sizeBefore);
    expect(cpu.bytes(large, 8 * MIB)).toHaveLength(8 * MIB);
    expect([...cpu.bytes(small, 8)]).toEqual(Array(8).fill(1));
    before[0] = 42;
    expect(cpu.bytes(small, 8)[0]).toBe(42);
  });

  test("a view has the type that was asked for and shares its bytes", () => {
    const pointer = cpu.kmalloc(64);
    cpu.view(pointer, Float64Array, 8)[7] = 1.5;
    cpu.view(pointer, BigUint64Array, 1)[0] = 7n;
    expect(cpu.view(pointer, Uint32Array, 16)[0]).toBe(7);
    expect(cpu.view(pointer, Float64Array, 8)[7]).toBe(1.5);
    expect(cpu.bytes(pointer, 64).buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

describe("the C names", () => {
  test("another module's malloc and free are those of the heap", () => {
    const { malloc, free, calloc, realloc, aligned_alloc, malloc_usable_size } = cpu.exports;
    const pointer = malloc(100);
    expect(malloc_usable_size(pointer)).toBe(128);
    expect(cpu.ksize(pointer)).toBe(128);
    const larger = realloc(pointer, 1000);
    free(larger);
    free(calloc(4, 4));
    free(aligned_alloc(256, 1));
    free(0);
    free(malloc(0));
  });
});
