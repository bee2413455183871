/**
 * Goal: krealloc(), kzalloc() and kcalloc() keep what the kernel's promise. Method: each rule as a
 * test, in place, by moving, across the border to whole pages, and with memory run out.
 */
import { describe, expect, test } from "vitest";
import { GFP_ZERO, type TestCpu, ZERO_SIZE_PTR } from "./support/cpu.js";
import { type Build, BUILDS, MIB, type TestHeap, TestHeap as Heap } from "./support/heap.js";

const bytesOf = (heap: TestHeap, object: number, from: number, to: number) => [
  ...heap.bytes.slice(object + from, object + to),
];
const all = (count: number, value: number) => Array<number>(count).fill(value);

function dirty(cpu: TestCpu, size: number, count: number): void {
  const objects = cpu.take(size, count);
  for (const object of objects) cpu.heap.fill(object, size, 0xdd);
  for (const object of objects) cpu.kfree(object);
}

describe.each<Build>(BUILDS)("in the build %s", (build) => {
  test("krealloc(NULL) and krealloc(ZERO_SIZE_PTR) are kmalloc()", () => {
    const cpu = new Heap({ build }).cpu(0);
    for (const nothing of [0, ZERO_SIZE_PTR]) {
      expect(cpu.ksize(cpu.krealloc(nothing, 100))).toBe(128);
      expect(cpu.krealloc(nothing, 0)).toBe(ZERO_SIZE_PTR);
    }
  });

  test("krealloc(p, 0) frees and returns ZERO_SIZE_PTR", () => {
    const cpu = new Heap({ build }).cpu(0);
    const [object = 0] = cpu.take(64, 1);
    expect(cpu.krealloc(object, 0)).toBe(ZERO_SIZE_PTR);
    expect(cpu.kmalloc(64)).toBe(object);
  });

  test("what fits the bucket stays where it is, shrinking included", () => {
    const heap = new Heap({ build });
    const cpu = heap.cpu(0);
    const [object = 0] = cpu.take(200, 1);
    heap.fill(object, 256, 0x11);
    for (const size of [256, 1, 129, 255, 8]) expect(cpu.krealloc(object, size)).toBe(object);
    expect(bytesOf(heap, object, 0, 256)).toEqual(all(256, 0x11));
  });

  test("what does not fit moves, with every byte of the old bucket", () => {
    const heap = new Heap({ build });
    const cpu = heap.cpu(0);
    let object = cpu.kmalloc(8);
    heap.fill(object, 8, 1);
    let old = 8;
    for (const size of [9, 65, 97, 129, 200, 5000, 8193, 100_000, 5 * MIB]) {
      const moved = cpu.krealloc(object, size);
      expect(moved, `to ${size}`).not.toBe(object);
      expect(new Set(heap.bytes.subarray(moved, moved + old)), `to ${size}`).toEqual(new Set([1]));
      old = cpu.ksize(moved);
      expect(old).toBeGreaterThanOrEqual(size);
      heap.fill(moved, old, 1);
      object = moved;
    }
    cpu.kfree(object);
  });

  test("with __GFP_ZERO everything behind the new size is zero, in place and moved", () => {
    const heap = new Heap({ build });
    const cpu = heap.cpu(0);
    dirty(cpu, 128, 40);
    dirty(cpu, 256, 40);
    const [object = 0] = cpu.take(100, 1);
    heap.fill(object, 128, 0x22);
    expect(cpu.krealloc(object, 90, GFP_ZERO)).toBe(object);
    expect(bytesOf(heap, object, 0, 128)).toEqual([...all(90, 0x22), ...all(38, 0)]);
    const moved = cpu.krealloc(object, 200, GFP_ZERO);
    expect(bytesOf(heap, moved, 0, 256)).toEqual([...all(90, 0x22), ...all(166, 0)]);
  });

  test("kzalloc(), kcalloc() and __GFP_ZERO clear the whole bucket after dirty reuse", () => {
    const heap = new Heap({ build });
    const cpu = heap.cpu(0);
    const ways: readonly ((size: number) => number)[] = [
      (size) => cpu.exports.kzalloc(size) >>> 0,
      (size) => cpu.kmalloc(size, GFP_ZERO),
      (size) => cpu.exports.kcalloc(size, 1) >>> 0,
      (size) => cpu.kmallocNode(size, 0, GFP_ZERO),
    ];
    for (const size of [8, 96, 512, 8192]) {
      for (const allocate of ways) {
        dirty(cpu, size, 3);
        const object = allocate(size);
        expect(bytesOf(heap, object, 0, size), `size ${size}`).toEqual(all(size, 0));
        cpu.kfree(object);
      }
    }
    for (const size of [8193, MIB, 5 * MIB]) {
      for (const allocate of ways) {
        const spoilt = cpu.kmalloc(size);
        heap.fill(spoilt, size, 0xdd);
        cpu.kfree(spoilt);
        const object = allocate(size);
        const isZero = heap.bytes.subarray(object, object + size).every((byte) => byte === 0);
        expect(isZero, `size ${size}`).toBe(true);
        cpu.kfree(object);
      }
    }
  });
});

test("kcalloc() gives 0 where count * size overflows, never a small block", () => {
  const cpu = new Heap().cpu(0);
  const overflowing: readonly (readonly [number, number])[] = [
    [2 ** 16, 2 ** 16],
    [2 ** 31, 2],
    [0xffff_ffff, 0xffff_ffff],
    [3, 0x5555_5556],
    [0x1_0001, 0xffff],
  ];
  for (const [count, size] of overflowing) {
    expect(cpu.exports.kcalloc(count, size), `${count} * ${size}`).toBe(0);
  }
  expect(cpu.exports.kcalloc(0, 100)).toBe(ZERO_SIZE_PTR);
  expect(cpu.exports.kcalloc(100, 0)).toBe(ZERO_SIZE_PTR);
});

test("krealloc() that runs out of memory returns 0 and leaves the old object as it was", () => {
  const heap = new Heap({ maximumBytes: 2 * MIB });
  const cpu = heap.cpu(0);
  const [object = 0] = cpu.take(64, 1);
  heap.fill(object, 64, 0x33);
  const large = cpu.kmalloc(65536);
  heap.fill(large, 65536, 0x44);
  const others = cpu.takeAll(4096);
  for (const size of [4096, 100_000, 64 * MIB, 0xffff_ffff]) {
    expect(cpu.krealloc(object, size), `to ${size}`).toBe(0);
  }
  expect(cpu.krealloc(large, 200_000)).toBe(0);
  expect(bytesOf(heap, object, 0, 64)).toEqual(all(64, 0x33));
  expect(heap.bytes.subarray(large, large + 65536).every((byte) => byte === 0x44)).toBe(true);
  for (const each of [object, large, ...others]) cpu.kfree(each);
  expect(cpu.kmalloc(65536)).not.toBe(0);
});
