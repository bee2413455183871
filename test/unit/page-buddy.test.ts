/**
 * Goal: the buddy allocator coalesces back to where it began, and what CPUs keep for themselves is
 * found again when memory runs out. Method: compare the zones' free lists before and after.
 */
import { createRandom } from "slablab/internal/workload/random.js";
import { expect, test } from "vitest";
import { type TestCpu, whileHeld } from "./support/cpu.js";
import { MIB, TestHeap } from "./support/heap.js";

/** A heap that has grown to its maximum already: its free lists can be compared. */
function grown(cpus = 2, maximumBytes = 16 * MIB) {
  const heap = new TestHeap({ cpus, maximumBytes, initialBytes: maximumBytes });
  return { heap, before: heap.freeBlocks(), freePages: heap.freePages() };
}

const pcpCounts = (heap: TestHeap, cpu: number) => {
  heap.view.refresh();
  const at = heap.view.cpu(cpu).address + heap.table.offsets.cpu_area.pcp_count;
  return [0, 1, 2, 3].map((order) => heap.view.u32(at + order * 4));
};

test("a new heap's free pages are the largest aligned blocks that its range allows", () => {
  const { heap, before, freePages } = grown();
  const { first_pfn, end_pfn } = heap.view.header();
  const expected: number[][] = Array.from({ length: 11 }, () => []);
  for (let pfn = first_pfn; pfn < end_pfn; ) {
    let order = 10;
    while (pfn % 2 ** order !== 0 || pfn + 2 ** order > end_pfn) order--;
    expected[order]?.push(pfn);
    pfn += 2 ** order;
  }
  const pages = expected.reduce((sum, pfns, order) => sum + pfns.length * 2 ** order, 0);
  // The caches' counters were allocated at boot: nothing else is missing.
  const tables = [...heap.view.caches()].length * Math.ceil((2 * 512) / 4096);
  expect(freePages).toBe(pages - tables);
  expect(before[10]).toEqual(expected[10]);
});

test("a random storm over all orders coalesces back to the initial free lists", () => {
  const seed = 0xb0dd1e5;
  const random = createRandom(seed);
  const { heap, before } = grown();
  const cpus = heap.cpus() as [TestCpu, TestCpu];
  const cache = cpus[0].createCache("storm", 3000);
  const live: number[] = [];
  for (let step = 0; step < 4000; step++) {
    const cpu = cpus[random.uniformInt(0, 1)] as TestCpu;
    if (random.uniformInt(0, 99) < 55) {
      const isSlab = random.uniformInt(0, 1) === 0;
      const size = random.uniformInt(8193, 2 ** random.uniformInt(14, 20));
      const object = isSlab ? cpu.cacheAlloc(cache) : cpu.kmalloc(size);
      if (object !== 0) live.push(object);
    } else if (live.length > 0) {
      cpu.kfree(live.splice(random.uniformInt(0, live.length - 1), 1)[0] ?? 0);
    }
  }
  heap.expectSound();
  for (const object of random.shuffle(live)) cpus[random.uniformInt(0, 1)]?.kfree(object);
  expect(cpus[1].destroyCache(cache), `seed ${seed}`).toBe(0);
  for (const cpu of cpus) cpu.offline();
  expect(heap.freeBlocks(), `seed ${seed}`).toEqual(before);
});

test("storms on two nodes give every block back to its own zone", () => {
  const seed = 0x2de5;
  const random = createRandom(seed);
  const heap = new TestHeap({ nodes: 2, maximumBytes: 32 * MIB, initialBytes: 32 * MIB });
  const before = [0, 1].map((node) => heap.freeBlocks(node));
  const cpus = heap.cpus();
  const live: number[] = [];
  for (let step = 0; step < 2000; step++) {
    const cpu = cpus[random.uniformInt(0, 1)] as TestCpu;
    if (random.uniformInt(0, 99) < 55) {
      const size = random.uniformInt(8193, 2 ** random.uniformInt(14, 23));
      const object = cpu.kmallocNode(size, random.uniformInt(0, 1));
      if (object !== 0) live.push(object);
    } else if (live.length > 0) {
      cpu.kfree(live.splice(random.uniformInt(0, live.length - 1), 1)[0] ?? 0);
    }
  }
  for (const object of live) cpus[0]?.kfree(object);
  for (const cpu of cpus) cpu.offline();
  expect(
    [0, 1].map((node) => heap.freeBlocks(node)),
    `seed ${seed}`,
  ).toEqual(before);
});

test("orders 0 to 3 are kept by the CPU that freed them, up to their mark", () => {
  const { heap } = grown();
  const cpu = heap.cpu(0);
  for (const [order, bytes] of [
    [2, 16384],
    [3, 32768],
  ] as const) {
    const high = 32 >> order;
    const blocks = cpu.take(bytes, 3 * high);
    for (const block of blocks) {
      cpu.kfree(block);
      expect(pcpCounts(heap, 0)[order]).toBeLessThanOrEqual(high);
    }
    expect(pcpCounts(heap, 0)[order]).toBeGreaterThan(0);
  }
  cpu.offline();
  expect(pcpCounts(heap, 0)).toEqual([0, 0, 0, 0]);
});

test("the lists of every CPU, idle ones too, are drained before memory is said to be out", () => {
  const { heap } = grown(3, 4 * MIB);
  const [first, second, third] = heap.cpus() as [TestCpu, TestCpu, TestCpu];
  const all = first.takeAll(16384);
  // Twelve blocks end on the lists of two CPUs that then stand still.
  for (const block of all.splice(0, 6)) second.kfree(block);
  for (const block of all.splice(0, 6)) third.kfree(block);
  expect(pcpCounts(heap, 1)[2]).toBe(6);
  expect(pcpCounts(heap, 2)[2]).toBe(6);
  expect(first.takeAll(16384).length).toBe(12);
  expect([1, 2].map((cpu) => pcpCounts(heap, cpu))).toEqual(Array(2).fill([0, 0, 0, 0]));
  expect(first.kmalloc(16384)).toBe(0);
});

test("blocks on a zone's deferred list are taken in before memory is said to be out", () => {
  const { heap } = grown(2, 8 * MIB);
  const cpu = heap.cpu(0);
  const all = cpu.takeAll(65536);
  const zoneLock = heap.view.zone(0).address + heap.table.offsets.zone.lock;
  cpu.interruptSection(zoneLock, () => {
    for (const block of all.slice(0, 3)) cpu.kfree(block);
  });
  expect(heap.view.zone(0).deferred).not.toBe(0);
  expect(cpu.takeAll(65536).length, "three blocks are free").toBe(3);
});

test("a nolock free under a locked zone defers the block until an ordinary free comes", () => {
  const { heap, before } = grown(2, 8 * MIB);
  const cpu = heap.cpu(0);
  const [block = 0, other = 0] = cpu.take(MIB, 2);
  const zoneLock = heap.view.zone(0).address + heap.table.offsets.zone.lock;
  whileHeld(heap, zoneLock, 1, () => cpu.nmi(() => cpu.kfree(block)));
  expect(heap.view.zone(0).deferred).not.toBe(0);
  heap.expectSound();
  cpu.nmi(() => cpu.kfree(cpu.kmallocNolock(64)));
  expect(heap.view.zone(0).deferred, "a nolock call leaves it alone").not.toBe(0);
  cpu.kfree(other);
  expect(heap.view.zone(0).deferred).toBe(0);
  cpu.offline();
  heap.cpu(0).kmalloc(0);
  expect(heap.freeBlocks()[10]).toEqual(before[10]);
});

test("a nolock allocation under locked page lists gives 0", () => {
  const { heap } = grown(2, 8 * MIB);
  const cpu = heap.cpu(0);
  const pcpLock = cpu.area + heap.table.offsets.cpu_area.pcp_lock;
  const cache = heap.cache("kmalloc-1k");
  const found = cpu.interruptSection(pcpLock, () => cpu.kmallocNolock(1024));
  expect(found).toBe(0);
  expect(heap.counts(cache)).toMatchObject({ NOLOCK_ALLOC_SLOWPATH: 1, NOLOCK_NULL: 1 });
  expect(cpu.kmallocNolock(1024)).not.toBe(0);
});

test("a nolock free under locked page lists goes to the zone and leaves the lists alone", () => {
  const { heap } = grown(2, 8 * MIB);
  const cpu = heap.cpu(0);
  const [block = 0] = cpu.take(16384, 1);
  const pcpLock = cpu.area + heap.table.offsets.cpu_area.pcp_lock;
  const before = { pcp: pcpCounts(heap, 0), free: heap.freePages() };
  cpu.interruptSection(pcpLock, () => cpu.kfree(block));
  expect({ pcp: pcpCounts(heap, 0), free: heap.freePages() - before.free }).toEqual({
    pcp: before.pcp,
    free: 4,
  });
});

test("memory that ran out is whole again when everything is freed", () => {
  const { heap, before } = grown(2, 4 * MIB);
  for (let round = 0; round < 3; round++) {
    const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
    const cache = cpu.createCache("round", 1000);
    const objects: number[] = [];
    for (let p = cpu.cacheAlloc(cache); p !== 0; p = cpu.cacheAlloc(cache)) objects.push(p);
    expect(objects.length).toBeGreaterThan(1000);
    for (const object of objects) other.kfree(object);
    expect(cpu.destroyCache(cache)).toBe(0);
    cpu.offline();
    other.offline();
    expect(heap.freeBlocks(), `round ${round}`).toEqual(before);
  }
});
