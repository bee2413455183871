/**
 * Goal: slabinfo() and stats() say what /proc/slabinfo and /sys/kernel/slab would.
 * Method: known numbers of allocations and frees, counted by hand; another module on the memory.
 */
import { attachHeap, type Cpu, createHeap, type Heap, type SlabInfo } from "slablab";
import { STAT_ITEMS } from "slablab/internal/heap/stat-items.js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const MIB = 2 ** 20;

let heap: Heap;
let cpu: Cpu;

beforeEach(async () => {
  heap = await createHeap({ cpus: 2, maximumBytes: 32 * MIB, build: "stats", percpu: "slab" });
  cpu = heap.cpu();
});

afterEach(() => {
  expect(heap.validate()).toEqual([]);
});

function infoOf(name: string): SlabInfo {
  const found = heap.slabinfo().find((info) => info.name === name);
  if (found === undefined) throw new Error(`expected a cache ${name}`);
  return found;
}

describe("slabinfo", () => {
  test("names the kmalloc caches as the kernel does", () => {
    const sizes = ["8", "16", "32", "64", "96", "128", "192", "256", "512", "1k", "2k", "4k", "8k"];
    const names = heap.slabinfo().map(({ name }) => name);
    expect(names.sort()).toEqual(sizes.map((size) => `kmalloc-${size}`).sort());
  });

  test("has the shape of a slab from the start, and no slabs before they are needed", () => {
    expect(infoOf("kmalloc-64")).toEqual({
      name: "kmalloc-64",
      active_objs: 0,
      num_objs: 0,
      objsize: 64,
      objperslab: 64,
      pagesperslab: 1,
      active_slabs: 0,
      num_slabs: 0,
    });
    expect(infoOf("kmalloc-8k")).toMatchObject({ objsize: 8192, objperslab: 4, pagesperslab: 8 });
  });

  test("counts what a CPU keeps for itself as active", () => {
    cpu.kfree(cpu.kmalloc(64));
    expect(infoOf("kmalloc-64")).toMatchObject({ active_objs: 64, num_objs: 64, num_slabs: 1 });
  });

  test("counts what is free on a node's partial slabs as free", () => {
    const [object] = cpu.kmallocBulk(64, 70);
    cpu.kfree(object ?? 0);
    cpu.offline();
    // 69 live ones in two slabs, which lie on the node's list or are full now.
    expect(infoOf("kmalloc-64")).toMatchObject({ active_objs: 69, num_objs: 128, num_slabs: 2 });
  });

  test("lists a user's cache until it is destroyed", () => {
    const cache = cpu.kmemCacheCreate({ name: "dentry", size: 100, align: 64 });
    const object = cache.alloc();
    expect(infoOf("dentry")).toMatchObject({ objsize: 128, num_slabs: 1 });
    cache.free(object);
    cache.destroy();
    expect(heap.slabinfo().map(({ name }) => name)).not.toContain("dentry");
  });

  test("is the same for a heap that was attached to", async () => {
    cpu.kmallocBulk(100, 100);
    const attached = await attachHeap(heap.handle);
    expect(attached.slabinfo()).toEqual(heap.slabinfo());
    expect(attached.stats()).toEqual(heap.stats());
    expect(attached.validate()).toEqual([]);
  });
});

describe("stats", () => {
  test("has every cache, every counter and an entry per CPU", () => {
    const stats = heap.stats();
    expect(Object.keys(stats)).toEqual(heap.slabinfo().map(({ name }) => name));
    for (const counters of Object.values(stats)) {
      expect(Object.keys(counters)).toEqual([...STAT_ITEMS]);
      for (const values of Object.values(counters)) expect(values).toHaveLength(2);
    }
  });

  test("counts each call where it was made", () => {
    const other = heap.cpu();
    const objects = Array.from({ length: 10 }, () => cpu.kmalloc(64));
    for (const object of objects.slice(0, 6)) cpu.kfree(object);
    for (const object of objects.slice(6)) other.kfree(object);
    const counters = heap.stats()["kmalloc-64"] ?? {};
    expect(counters.ALLOC_FASTPATH).toEqual([9, 0]);
    expect(counters.ALLOC_SLOWPATH).toEqual([1, 0]);
    expect(counters.ALLOC_SLAB).toEqual([1, 0]);
    expect(counters.FREE_FASTPATH).toEqual([6, 0]);
    expect(counters.FREE_SLOWPATH).toEqual([0, 4]);
    expect(counters.FREE_FROZEN).toEqual([0, 4]);
  });

  test("never go back", () => {
    let before = heap.stats();
    for (let round = 0; round < 5; round++) {
      cpu.kfreeBulk(cpu.kmallocBulk(200, 500));
      const after = heap.stats();
      for (const [name, counters] of Object.entries(after)) {
        for (const item of STAT_ITEMS) {
          const old = before[name]?.[item]?.[0] ?? 0;
          expect(counters[item]?.[0]).toBeGreaterThanOrEqual(old);
        }
      }
      before = after;
    }
  });
});

describe("another module on the same memory", () => {
  test("may grow it for itself: the heap leaves those pages alone", () => {
    const { memory } = heap.handle;
    const before = memory.grow(4) * 65536;
    new Uint8Array(memory.buffer, before, 4 * 65536).fill(0x77);
    const pointers: number[] = [];
    for (let p = cpu.kmalloc(65536); p !== 0; p = cpu.kmalloc(65536)) {
      cpu.bytes(p, 65536).fill(1);
      pointers.push(p);
    }
    expect(new Uint8Array(memory.buffer, before, 4 * 65536).every((byte) => byte === 0x77)).toBe(
      true,
    );
    expect(heap.validate()).toEqual([]);
    cpu.kfreeBulk(pointers);
  });
});
