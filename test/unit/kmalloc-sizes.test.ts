/**
 * Goal: every size gets at least what it asked for, aligned as promised, from the bucket the
 * kernel would take. Method: every bucket, every size around the powers of two, and a sweep of
 * live ranges that must not overlap, in every build.
 */
import { createRandom } from "slablab/internal/workload/random.js";
import { describe, expect, test } from "vitest";
import { ZERO_SIZE_PTR } from "./support/cpu.js";
import { type Build, BUILDS, MIB, PAGE, TestHeap } from "./support/heap.js";

const SIZES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];
/** The largest power of two that divides the size. */
const alignmentOf = (size: number) => size & -size;

/** 2^k - 32 .. 2^k + 32 for every class, without what is no size. */
const SWEEP = Array.from({ length: 14 }, (_, k) => 2 ** k)
  .flatMap((power) => Array.from({ length: 65 }, (_, index) => power - 32 + index))
  .filter((size) => size > 0 && size <= 8192);

describe.each<Build>(BUILDS)("in the build %s", (build) => {
  test.each(SIZES)("the bucket of %i bytes gives exactly that, aligned to its divisor", (size) => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    const objects = cpu.take(size, 100);
    expect(objects.filter((object) => object % alignmentOf(size) !== 0)).toEqual([]);
    expect(objects.filter((object) => cpu.ksize(object) !== size)).toEqual([]);
    expect(new Set(objects).size).toBe(objects.length);
  });

  test("every size from the smallest bucket that holds it, around all powers of two", () => {
    const cpu = new TestHeap({ build }).cpu(0);
    for (const size of SWEEP) {
      const object = cpu.kmalloc(size);
      const bucket = SIZES.find((each) => each >= size) ?? 0;
      expect(cpu.ksize(object), `kmalloc(${size})`).toBe(bucket);
      expect(object % alignmentOf(bucket), `kmalloc(${size})`).toBe(0);
      cpu.kfree(object);
    }
  });

  test("no two live objects share a byte, and all bytes are kept", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    const sizes = createRandom(0x0b1ec7).shuffle([...SWEEP, ...SWEEP]);
    const live = sizes.map((size) => ({ size, object: cpu.kmalloc(size) }));
    live.forEach(({ size, object }, index) => {
      heap.fill(object, size, index % 251);
    });
    const spoilt = live.filter(({ size, object }, index) =>
      heap.bytes.subarray(object, object + size).some((byte) => byte !== index % 251),
    );
    expect(spoilt).toEqual([]);
    const ranges = live.map(({ object }) => [object, object + cpu.ksize(object)] as const);
    ranges.sort(([a], [b]) => a - b);
    const overlaps = ranges.filter(([start], index) => start < (ranges[index - 1]?.[1] ?? 0));
    expect(overlaps).toEqual([]);
    for (const { object } of live) cpu.kfree(object);
  });
});

test("kmalloc(0) is ZERO_SIZE_PTR: no memory, usable size 0, freed for nothing", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const free = heap.freePages();
  const zeros = [
    cpu.kmalloc(0),
    cpu.exports.kzalloc(0),
    cpu.kmallocNolock(0),
    cpu.exports.malloc(0),
  ];
  expect(zeros).toEqual(Array(4).fill(ZERO_SIZE_PTR));
  expect([cpu.ksize(ZERO_SIZE_PTR), cpu.ksize(0)]).toEqual([0, 0]);
  for (const nothing of [0, ZERO_SIZE_PTR]) {
    cpu.kfree(nothing);
    cpu.kfreeNolock(nothing);
    cpu.exports.free(nothing);
    expect(cpu.exports.kfree_checked(nothing)).toBe(0);
    expect(cpu.exports.kfree_nolock_checked(nothing)).toBe(0);
  }
  cpu.kfreeBulk([0, ZERO_SIZE_PTR, 0]);
  expect(heap.freePages()).toBe(free);
  expect(heap.view.caches().next().value).toBeDefined();
  expect([...heap.view.slabs()]).toEqual([]);
});

test("absurd sizes give 0 at once, and take nothing from the heap", () => {
  const heap = new TestHeap({ maximumBytes: 16 * MIB });
  const cpu = heap.cpu(0);
  const byteLength = heap.memory.buffer.byteLength;
  const absurd = [64 * MIB, 2 ** 30, 2 ** 31, 0xffbf_ffff, 0xffc0_0000, 0xffff_f000, 0xffff_ffff];
  for (const size of absurd) {
    expect(cpu.kmalloc(size), `kmalloc(${size})`).toBe(0);
    expect(cpu.exports.kzalloc(size), `kzalloc(${size})`).toBe(0);
    expect(cpu.alignedAlloc(64, size), `aligned_alloc(64, ${size})`).toBe(0);
  }
  expect(heap.memory.buffer.byteLength, "what cannot be met grows nothing").toBe(byteLength);
  expect(cpu.kmalloc(64)).not.toBe(0);
});

test("the C names serve other modules like their kernel twins", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const { malloc, calloc, realloc, free, malloc_usable_size } = cpu.exports;
  const object = malloc(100) >>> 0;
  expect(malloc_usable_size(object)).toBe(128);
  heap.fill(object, 128, 0xee);
  const moved = realloc(object, 1000) >>> 0;
  expect([...heap.bytes.subarray(moved, moved + 128)]).toEqual(Array(128).fill(0xee));
  free(moved);
  const zeroed = calloc(10, 100) >>> 0;
  expect(heap.bytes.subarray(zeroed, zeroed + 1000).every((byte) => byte === 0)).toBe(true);
  free(zeroed);
  expect([malloc_usable_size(0), malloc_usable_size(ZERO_SIZE_PTR)]).toEqual([0, 0]);
});

test("an aligned allocation is aligned, whatever its size, from 8 bytes to 4 MiB", () => {
  const heap = new TestHeap({ maximumBytes: 64 * MIB });
  const cpu = heap.cpu(0);
  for (let align = 1; align <= 4 * MIB; align *= 2) {
    for (const size of [1, align - 1, align, align + 1, 3 * align + 5].filter((s) => s > 0)) {
      const object = cpu.alignedAlloc(align, size);
      const what = `aligned_alloc(${align}, ${size})`;
      expect(object, what).not.toBe(0);
      expect(object % align, what).toBe(0);
      expect(cpu.ksize(object), what).toBeGreaterThanOrEqual(size);
      cpu.kfree(object);
    }
  }
});

test("alignments that are no powers of two, or larger than a block, give 0", () => {
  const cpu = new TestHeap().cpu(0);
  for (const align of [0, 3, 24, 8 * MIB, 2 ** 31, 0xffff_ffff]) {
    expect(cpu.alignedAlloc(align, 64), `alignment ${align}`).toBe(0);
  }
});

test("aligned objects of one alignment lie side by side without loss", () => {
  const cpu = new TestHeap().cpu(0);
  const objects = Array.from({ length: 8 }, () => cpu.alignedAlloc(PAGE, PAGE));
  const sorted = [...objects].sort((a, b) => a - b);
  expect((sorted[7] ?? 0) - (sorted[0] ?? 0)).toBe(7 * PAGE);
});
