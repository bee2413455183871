/**
 * Goal: the memory grows where somebody may wait, up to its maximum and around what other modules
 * take. Method: small memories with room to grow, counted in pages.
 */
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { MIB, PAGE, TestHeap } from "./support/heap.js";

const WASM_PAGE = 65536;
const PG_HOLE = 8;

const header = (heap: TestHeap) => {
  heap.view.refresh();
  return heap.view.header();
};
const growthWord = (heap: TestHeap, name: string) => {
  const field = heap.table.fields.find((f) => f.struct === "heap_header" && f.name === name);
  return heap.u32(heap.base + (field?.offset ?? 0));
};

test("an ordinary allocation grows the memory when pages run out, views stay right", () => {
  const heap = new TestHeap({ maximumBytes: 32 * MIB });
  const cpu = heap.cpu(0);
  const before = heap.memory.buffer.byteLength;
  const object = cpu.kmalloc(4 * MIB);
  expect(object).not.toBe(0);
  expect(heap.memory.buffer.byteLength).toBeGreaterThan(before);
  heap.fill(object, 4 * MIB, 0x77);
  expect(growthWord(heap, "grows")).toBeGreaterThan(0);
});

test("growth ends at the maximum, exactly, and not one page is lost", () => {
  for (const maximumBytes of [4 * MIB, 10 * MIB + WASM_PAGE]) {
    const heap = new TestHeap({ maximumBytes });
    const cpu = heap.cpu(0);
    const pages = cpu.takeAll(4096);
    expect(header(heap).end_pfn * PAGE).toBe(maximumBytes);
    expect(heap.memory.buffer.byteLength).toBe(maximumBytes);
    expect(heap.freePages()).toBe(0);
    // Slabs of one page each at the end: every page of the heap is an object or a table.
    const tables = [...heap.view.caches()].length;
    expect(pages.length).toBe(header(heap).end_pfn - header(heap).first_pfn - tables);
  }
});

test("a heap grows in few steps: each is at least an eighth of what there is", () => {
  const heap = new TestHeap({ maximumBytes: 256 * MIB });
  const cpu = heap.cpu(0);
  cpu.takeAll(MIB);
  expect(growthWord(heap, "grows")).toBeLessThan(45);
});

test("a request too large for the maximum grows nothing", () => {
  const heap = new TestHeap({ maximumBytes: 16 * MIB });
  const cpu = heap.cpu(0);
  const before = heap.memory.buffer.byteLength;
  for (const size of [16 * MIB, 100 * MIB, 2 ** 31]) expect(cpu.kmalloc(size)).toBe(0);
  expect(heap.memory.buffer.byteLength).toBe(before);
});

describe("a nolock caller that finds no page", () => {
  /** A heap with no free page, but room to grow. */
  function exhausted(): { heap: TestHeap; cpu: TestCpu } {
    const heap = new TestHeap({ maximumBytes: 32 * MIB });
    const cpu = heap.cpu(0);
    while (cpu.kmallocNolock(8192) !== 0);
    return { heap, cpu };
  }

  test("grows nothing and leaves a request", () => {
    const { heap, cpu } = exhausted();
    expect(growthWord(heap, "grow_request")).toBeGreaterThan(0);
    expect(growthWord(heap, "grows")).toBe(0);
    expect(cpu.kmallocNolock(8192)).toBe(0);
  });

  test("is served by the next ordinary slow path, of whatever cache and CPU", () => {
    const { heap, cpu } = exhausted();
    expect(heap.cpu(1).kmalloc(64)).not.toBe(0);
    expect(growthWord(heap, "grow_request")).toBe(0);
    expect(growthWord(heap, "grows")).toBe(1);
    expect(cpu.kmallocNolock(8192)).not.toBe(0);
  });

  test("is served by poll(), but not by one in an NMI", () => {
    const { heap, cpu } = exhausted();
    cpu.nmi(() => cpu.poll());
    expect(growthWord(heap, "grows")).toBe(0);
    cpu.poll();
    expect(growthWord(heap, "grows")).toBe(1);
    expect(cpu.nmi(() => cpu.kmallocNolock(8192))).not.toBe(0);
  });

  test("at the maximum leaves a request that does no harm", () => {
    const heap = new TestHeap({ maximumBytes: 4 * MIB });
    const cpu = heap.cpu(0);
    const objects = cpu.takeAll(8192);
    cpu.takeAll(4096);
    expect(cpu.kmallocNolock(8192)).toBe(0);
    expect(growthWord(heap, "grow_request")).toBeGreaterThan(0);
    cpu.poll();
    expect(cpu.kmalloc(8192)).toBe(0);
    cpu.kfree(objects[0] ?? 0);
    expect(cpu.kmalloc(8192)).toBe(objects[0]);
  });
});

describe("when another module grows the memory for itself", () => {
  test("its pages become a hole that the heap steps over and never writes", () => {
    const heap = new TestHeap({ maximumBytes: 32 * MIB });
    const cpu = heap.cpu(0);
    cpu.kmalloc(MIB);
    const foreign = heap.memory.grow(5) * WASM_PAGE;
    heap.fill(foreign, 5 * WASM_PAGE, 0xfe);
    const objects = cpu.takeAll(MIB);
    expect(objects.length).toBeGreaterThan(10);
    const [small] = [...cpu.takeAll(65536), ...cpu.takeAll(4096), 0];
    expect(small).toBeDefined();
    for (const object of objects) heap.fill(object, MIB, 0x11);
    const own = heap.bytes.subarray(foreign, foreign + 5 * WASM_PAGE);
    expect(own.every((byte) => byte === 0xfe)).toBe(true);
    const hole = heap.view.page(foreign / PAGE);
    expect(hole).toMatchObject({ kind: PG_HOLE, nr_pages: (5 * WASM_PAGE) / PAGE });
    for (const object of objects) cpu.kfree(object);
  });

  test("several times, each hole is one, and blocks do not merge across it", () => {
    const heap = new TestHeap({ maximumBytes: 32 * MIB });
    const cpu = heap.cpu(0);
    const live: number[] = [];
    for (let round = 0; round < 6; round++) {
      heap.memory.grow(1 + round);
      live.push(...cpu.take(MIB, 2));
      heap.expectSound();
    }
    for (const object of live) cpu.kfree(object);
    heap.view.refresh();
    const { first_pfn, end_pfn } = header(heap);
    let holes = 0;
    for (let pfn = first_pfn; pfn < end_pfn; pfn++) if (heap.view.kind(pfn) === PG_HOLE) holes++;
    expect(holes).toBeGreaterThan(1);
  });

  test("to the maximum, the heap is out of memory and says so", () => {
    const heap = new TestHeap({ maximumBytes: 8 * MIB });
    const cpu = heap.cpu(0);
    const free = (8 * MIB - heap.memory.buffer.byteLength) / WASM_PAGE;
    heap.memory.grow(free);
    expect(cpu.takeAll(MIB)).toEqual([]);
    expect(cpu.kmalloc(64)).not.toBe(0);
  });
});
