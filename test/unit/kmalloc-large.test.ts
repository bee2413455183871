/**
 * Goal: above 8 KiB whole pages are given out: blocks up to 4 MiB, runs of blocks beyond. Method:
 * every order, sizes around each border, every neighbour untouched, and all of it given back.
 */
import { createRandom } from "slablab/internal/workload/random.js";
import { describe, expect, test } from "vitest";
import { MIB, PAGE, TestHeap } from "./support/heap.js";

const ORDERS = [2, 3, 4, 5, 6, 7, 8, 9, 10];

test.each(ORDERS)(
  "order %i: a block that is aligned to its size, for all sizes it holds",
  (order) => {
    const heap = new TestHeap({ maximumBytes: 64 * MIB, initialBytes: 64 * MIB });
    const cpu = heap.cpu(0);
    const before = heap.freeBlocks();
    const bytes = PAGE << order;
    const sizes = [Math.max(8193, bytes / 2 + 1), bytes - PAGE + 1, bytes - 1, bytes];
    const live = sizes.map((size) => cpu.kmalloc(size));
    expect(live.map((object) => object % bytes)).toEqual([0, 0, 0, 0]);
    expect(live.map((object) => cpu.ksize(object))).toEqual(Array(4).fill(bytes));
    live.forEach((object, index) => {
      heap.fill(object, bytes, index + 1);
    });
    const kept = live.map((object) => [heap.bytes[object], heap.bytes[object + bytes - 1]]);
    expect(kept).toEqual([1, 2, 3, 4].map((value) => [value, value]));
    for (const object of live) cpu.kfree(object);
    cpu.offline();
    expect(heap.freeBlocks()).toEqual(before);
  },
);

describe("a run of blocks", () => {
  const make = () => {
    const heap = new TestHeap({ maximumBytes: 64 * MIB, initialBytes: 64 * MIB });
    return { heap, cpu: heap.cpu(0), before: heap.freeBlocks() };
  };

  test.each([4 * MIB + 1, 5 * MIB, 8 * MIB, 8 * MIB + 1, 30 * MIB])(
    "of %i bytes is whole blocks side by side, all usable, and comes back",
    (size) => {
      const { heap, cpu, before } = make();
      const object = cpu.kmalloc(size);
      expect(object % (4 * MIB)).toBe(0);
      expect(cpu.ksize(object)).toBe(Math.ceil(size / (4 * MIB)) * 4 * MIB);
      heap.fill(object, cpu.ksize(object), 0xab);
      const neighbour = cpu.kmalloc(size > 16 * MIB ? MIB : size);
      expect(neighbour).not.toBe(0);
      heap.fill(neighbour, 64, 0xcd);
      expect(heap.bytes[object + cpu.ksize(object) - 1]).toBe(0xab);
      heap.expectSound();
      for (const each of [object, neighbour]) cpu.kfree(each);
      expect(heap.freeBlocks()).toEqual(before);
    },
  );

  test("is found between live blocks only where it fits", () => {
    const { heap, cpu, before } = make();
    const blocks = cpu.takeAll(4 * MIB);
    expect(blocks.length).toBeGreaterThanOrEqual(13);
    const sorted = [...blocks].sort((a, b) => a - b);
    // Every second block is free: no two side by side.
    const even = sorted.filter((_, index) => index % 2 === 0);
    for (const block of even) cpu.kfree(block);
    expect(cpu.kmalloc(5 * MIB)).toBe(0);
    cpu.kfree(sorted[5] ?? 0);
    const run = cpu.kmalloc(12 * MIB);
    expect(run, "three in a row around the one that went").toBe(sorted[4]);
    cpu.kfree(run);
    for (const [index, block] of sorted.entries())
      if (index % 2 === 1 && index !== 5) cpu.kfree(block);
    expect(heap.freeBlocks()).toEqual(before);
  });

  test("can be all the blocks there are", () => {
    const { heap, cpu, before } = make();
    const blocks = before[10]?.length ?? 0;
    const run = cpu.kmalloc(blocks * 4 * MIB);
    expect(run).not.toBe(0);
    expect(cpu.kmalloc(4 * MIB)).toBe(0);
    cpu.kfree(run);
    expect(cpu.kmalloc((blocks + 1) * 4 * MIB)).toBe(0);
    expect(heap.freeBlocks()).toEqual(before);
  });

  test("that a nolock context frees while a zone is locked waits, block by block", () => {
    const { heap, cpu, before } = make();
    const run = cpu.kmalloc(9 * MIB);
    const zone = heap.view.zone(0);
    cpu.interruptSection(zone.address + heap.table.offsets.zone.lock, () => cpu.kfree(run));
    heap.view.refresh();
    expect(heap.view.zone(0).deferred).not.toBe(0);
    heap.expectSound();
    // The next ordinary free that gets the lock takes the blocks in.
    cpu.kfree(cpu.kmalloc(MIB));
    expect(heap.view.zone(0).deferred).toBe(0);
    expect(heap.freeBlocks()).toEqual(before);
  });
});

test("a storm of large allocations keeps every stamp and gives every page back", () => {
  const seed = 0x1a26e;
  const random = createRandom(seed);
  const heap = new TestHeap({ maximumBytes: 96 * MIB, initialBytes: 96 * MIB });
  const cpus = heap.cpus();
  const before = heap.freeBlocks();
  const live: { object: number; bytes: number; stamp: number }[] = [];
  for (let step = 0; step < 600; step++) {
    const cpu = cpus[random.uniformInt(0, 1)];
    if (cpu === undefined) throw new Error("two CPUs");
    if (live.length > 0 && random.uniformInt(0, 2) === 0) {
      const [{ object, bytes, stamp } = { object: 0, bytes: 0, stamp: 0 }] = live.splice(
        random.uniformInt(0, live.length - 1),
        1,
      );
      const ends = [heap.u32(object), heap.u32(object + bytes - 4)];
      expect(ends, `step ${step}, seed ${seed}`).toEqual([stamp, stamp]);
      cpu.kfree(object);
      continue;
    }
    const object = cpu.kmalloc(random.uniformInt(8193, 2 ** random.uniformInt(14, 24)));
    if (object === 0) continue;
    const bytes = cpu.ksize(object);
    heap.setU32(object, step);
    heap.setU32(object + bytes - 4, step);
    live.push({ object, bytes, stamp: step });
  }
  heap.expectSound();
  for (const { object } of live) cpus[0]?.kfree(object);
  for (const cpu of cpus) cpu.offline();
  expect(heap.freeBlocks(), `seed ${seed}`).toEqual(before);
});

test("freeing a large allocation twice, or inside it, is refused and changes nothing", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const [REFUSED_FREE_PAGE, REFUSED_INTERIOR, REFUSED_LARGE_NOLOCK] = [2, 3, 6];
  const large = cpu.kmalloc(100_000);
  const { kfree_checked, kfree_nolock_checked } = cpu.exports;
  expect(kfree_checked(large + 8)).toBe(REFUSED_INTERIOR);
  expect([REFUSED_FREE_PAGE, REFUSED_INTERIOR]).toContain(kfree_checked(large + PAGE));
  expect(kfree_nolock_checked(large)).toBe(REFUSED_LARGE_NOLOCK);
  expect(kfree_checked(large)).toBe(0);
  expect(kfree_checked(large)).toBe(REFUSED_FREE_PAGE);
});
