/**
 * Goal: slab_debug on allocations above 8 KiB, which have no cache: red zone, poison, double frees.
 * Method: the raw exports, as another module on the memory calls them, so that nothing refuses the
 * call before the allocator sees it; every size at which rounding up to pages leaves nothing too.
 */
import { describe, expect, test } from "vitest";
import { MIB, PAGE, TestHeap, type TestHeapOptions } from "./support/heap.js";

const make = (slabDebug?: string, options: TestHeapOptions = {}) =>
  new TestHeap({
    ...{ build: "debug", cpus: 1, maximumBytes: 64 * MIB },
    ...options,
    ...(slabDebug === undefined ? {} : { slabDebug }),
  });

/** What the reports are about: their first lines, without names and addresses. */
const told = (heap: TestHeap) =>
  heap.reports.map((text) => {
    const [line = ""] = text.split("\n");
    const known = line.replace(/^(BUG|FIX) kmalloc-large(?: \(.*\))?: /, "$1 ");
    return known.replace(/0x[0-9a-f]+/g, "#");
  });

const SIZES = [8193, 9000, 12_288, 16_384, 16_385, 65_536, MIB, 4 * MIB - 64, 4 * MIB, 5 * MIB];
const OVERRUN = ["BUG Right Redzone overwritten", "FIX Restoring Right Redzone #-#=#"];
const NOT_FREED = "FIX Object at # not freed";

describe.each(SIZES)("a red zone behind %i bytes", (size) => {
  test("is found written over by one byte when it is freed, which it then is not", () => {
    const heap = make("FZ");
    const cpu = heap.cpu();
    const p = cpu.kmalloc(size);
    heap.fill(p, size, 0x11);
    heap.fill(p + size, 1, 0x11);
    cpu.kfree(p);
    expect(told(heap)).toEqual([...OVERRUN, NOT_FREED]);
    // It was restored, and is still allocated.
    cpu.kfree(p);
    expect(heap.reports.length).toBe(3);
    expect(heap.slabErrors).toBe(3);
  });

  test("reaches to the end of the block", () => {
    const heap = make("FZ");
    const cpu = heap.cpu();
    const p = cpu.kmalloc(size);
    heap.view.refresh();
    const { order, nr_pages } = heap.view.page(heap.view.pfnAt(p));
    const end = p + (nr_pages === 0 ? 2 ** order : nr_pages) * PAGE;
    expect(end).toBeGreaterThanOrEqual(p + size + 64);
    heap.fill(end - 1, 1, 0);
    cpu.kfree(p);
    expect(told(heap)).toEqual([...OVERRUN, NOT_FREED]);
  });

  test("is nothing to whoever stays within", () => {
    const heap = make("FZP");
    const cpu = heap.cpu();
    for (let turn = 0; turn < 3; turn++) {
      const p = cpu.kmalloc(size);
      heap.fill(p, size, 0x11);
      cpu.kfree(p);
    }
    expect(heap.reports).toEqual([]);
  });
});

describe("a write after the free", () => {
  test.each(SIZES)("into %i bytes is found by the next allocation of the page", (size) => {
    const heap = make("P");
    const cpu = heap.cpu();
    const p = cpu.kmalloc(size);
    cpu.kfree(p);
    heap.fill(p + size - 1, 1, 0x42);
    const again = cpu.kmalloc(size);
    expect(again).toBe(p);
    expect(told(heap)).toEqual(["BUG Poison overwritten", "FIX Restoring Poison #-#=#"]);
    expect(heap.reports[0]).toContain("First byte 0x42 instead of 0x6b");
    cpu.kfree(again);
    expect(heap.reports.length).toBe(2);
  });

  test("is found too where the page becomes a slab, or a table", () => {
    for (const next of [64, 4096]) {
      const heap = make("P,kmalloc-large", { maximumBytes: 4 * MIB });
      const cpu = heap.cpu();
      const p = cpu.kmalloc(9000);
      cpu.kfree(p);
      for (let page = 0; page < 4; page++) heap.fill(p + page * PAGE + 100, 8, 0);
      // Every page of the memory is taken, that one among them.
      const taken = cpu.takeAll(next);
      expect(told(heap).filter((line) => line.startsWith("BUG"))).toEqual(
        Array(4).fill("BUG Poison overwritten"),
      );
      for (const object of taken) cpu.kfree(object);
    }
  });

  test("what is read after the free is the poison, and what is new is too", () => {
    const heap = make("P");
    const cpu = heap.cpu();
    const p = cpu.kmalloc(9000);
    expect([heap.u32(p), heap.bytes[p + 8999]]).toEqual([0x6b6b6b6b, 0xa5]);
    heap.fill(p, 9000, 1);
    cpu.kfree(p);
    expect([heap.u32(p), heap.u32(p + 8996)]).toEqual([0x6b6b6b6b, 0x6b6b6b6b]);
    const zeroed = cpu.kmalloc(9000, 1);
    expect([heap.u32(zeroed), heap.u32(zeroed + 8996)]).toEqual([0, 0]);
    cpu.kfree(zeroed);
  });
});

describe("a second free", () => {
  const ALREADY = ["BUG Object already free", NOT_FREED];

  test.each(SIZES)("of %i bytes is told, with and without slab_debug", (size) => {
    for (const letters of [undefined, "F", "FZPU"]) {
      const heap = make(letters);
      const cpu = heap.cpu();
      const p = cpu.kmalloc(size);
      cpu.kfree(p);
      cpu.kfree(p);
      expect(told(heap)).toEqual(ALREADY);
      expect(cpu.exports.kfree_checked(p), "REFUSED_DOUBLE").toBe(5);
    }
  });

  test("in a bulk free is told, and the others are freed", () => {
    const heap = make("F");
    const cpu = heap.cpu();
    const [a = 0, b = 0] = cpu.take(9000, 2);
    const free = heap.freePages();
    cpu.exports.kfree_bulk(3, heap.putArray([a, b, a]));
    expect(told(heap)).toEqual(ALREADY);
    cpu.exports.cpu_offline();
    expect(heap.freePages()).toBe(free + 8);
  });

  test("of an object whose slab went back to the pages is told, not taken for a large one", () => {
    const heap = make("F");
    const cpu = heap.cpu();
    const objects = cpu.take(4096, 200);
    for (const object of objects) cpu.kfree(object);
    const gone = objects.filter((object) => heap.view.page(heap.view.pfnAt(object)).head === 0);
    expect(gone.length).toBeGreaterThan(100);
    for (const object of gone.slice(0, 3)) cpu.kfree(object);
    expect(told(heap)).toEqual([...ALREADY, ...ALREADY, ...ALREADY]);
  });

  test("of an object in use nowhere near is another fault", () => {
    const heap = make("F");
    const cpu = heap.cpu();
    const p = cpu.kmalloc(20_000);
    for (const wild of [p + 8, p + PAGE, p + 5 * PAGE, 60_000, 63 * MIB]) cpu.kfree(wild);
    expect(told(heap)).toEqual(
      [1, 2, 3, 4, 5].flatMap(() => ["BUG Invalid object pointer #", NOT_FREED]),
    );
    cpu.kfree(p);
    expect(heap.reports.length).toBe(10);
  });
});

describe("sizes", () => {
  test("ksize() makes the block the caller's up to the last line", () => {
    const heap = make("FZ");
    const cpu = heap.cpu();
    const p = cpu.kmalloc(9000);
    const size = cpu.ksize(p);
    expect(size).toBe(4 * PAGE - 64);
    heap.fill(p, size, 0x11);
    cpu.kfree(p);
    expect(heap.reports).toEqual([]);
  });

  test("krealloc() moves the red zone, keeps the content, and clears what is new if asked", () => {
    const heap = make("FZP");
    const cpu = heap.cpu();
    const p = cpu.kmalloc(9000);
    heap.fill(p, 9000, 0x11);
    expect(cpu.krealloc(p, 12_000, 1)).toBe(p);
    expect([heap.bytes[p + 8999], heap.bytes[p + 9000], heap.bytes[p + 11_999]]).toEqual([
      17, 0, 0,
    ]);
    expect(cpu.krealloc(p, 8500)).toBe(p);
    heap.fill(p + 8500, 1, 0);
    cpu.kfree(p);
    expect(told(heap)).toEqual([...OVERRUN, NOT_FREED]);
    const moved = cpu.krealloc(p, 100_000);
    expect(moved).not.toBe(p);
    expect([heap.bytes[moved], heap.bytes[moved + 8499]]).toEqual([17, 17]);
    const small = cpu.krealloc(moved, 100);
    expect(small).toBe(moved);
    cpu.kfree(small);
    expect(heap.reports.length).toBe(3);
  });

  test("a block is no larger than it must be with O, and without Z", () => {
    for (const letters of ["FZPO", "FP", "-"]) {
      const heap = make(letters);
      const cpu = heap.cpu();
      const p = cpu.kmalloc(16_384);
      expect(heap.view.page(heap.view.pfnAt(p)).order).toBe(2);
      expect(cpu.ksize(p)).toBe(16_384);
      cpu.kfree(p);
    }
  });

  test("alignment is what it is without slab_debug", () => {
    const cpu = make("FZPU").cpu();
    for (const size of [16_384, 65_536, MIB, 4 * MIB]) {
      const p = cpu.kmalloc(size);
      expect(p % size).toBe(0);
      cpu.kfree(p);
    }
  });
});

describe("which records are for large allocations", () => {
  test.each([
    ["FZ", true],
    ["FZ,kmalloc-large", true],
    ["FZ,kmalloc-*", true],
    ["-;FZ,kmalloc-64", false],
    ["FZ;-,kmalloc-large", false],
    ["P", false],
  ])("%s: a red zone is %s", (letters, isRed) => {
    const heap = make(letters);
    const cpu = heap.cpu();
    const p = cpu.kmalloc(9000);
    heap.fill(p + 9000, 1, 0);
    cpu.kfree(p);
    expect(heap.reports.length > 0).toBe(isRed);
  });
});

test("large allocations that end a grace period are freed as any", () => {
  const heap = make("FZP");
  const cpu = heap.cpu();
  const [a = 0, b = 0] = cpu.take(20_000, 2);
  heap.fill(b + 20_000, 1, 0);
  expect([cpu.exports.kfree_rcu(a), cpu.exports.kfree_rcu(b)]).toEqual([1, 1]);
  expect(cpu.exports.rcu_barrier()).toBe(1);
  expect(told(heap)).toEqual([...OVERRUN, NOT_FREED]);
});
