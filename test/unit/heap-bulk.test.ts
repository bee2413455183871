/**
 * Goal: a bulk call of the library is at most as much work as single calls, refuses what they
 * refuse, and asks for nothing that memory cannot hold. Method: calls into the wasm and words that
 * JavaScript touches are counted, not timed; bad pointers at every place; absurd counts.
 */
import { type Cpu, createHeap, type Heap, type HeapOptions, SlabError } from "slablab";
import {
  allocBulk,
  BULK_WORDS,
  type BulkFree,
  freeBulk,
  kmallocBulk,
} from "slablab/internal/heap/bulk.js";
import type { CpuState } from "slablab/internal/heap/cpu-state.js";
import { readFieldTable } from "slablab/internal/heap/fields.js";
import { findHeap } from "slablab/internal/heap/find.js";
import { HeapView } from "slablab/internal/heap/view.js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const MIB = 2 ** 20;
const BUILDS: Readonly<Record<string, HeapOptions>> = {
  release: {},
  hardened: { hardened: true },
  stats: { build: "stats" },
  debug: { build: "debug" },
  slabDebug: { slabDebug: "FZPU" },
};

const FREE: BulkFree = { call: "cpu.kfreeBulk", cache: 0, name: null };

let heap: Heap;
let cpu: Cpu;

async function setUp(options: HeapOptions = {}): Promise<void> {
  heap = await createHeap({ cpus: 2, maximumBytes: 64 * MIB, ...options });
  cpu = heap.cpu();
}

beforeEach(() => setUp());

afterEach(() => {
  vi.restoreAllMocks();
  expect(heap.validate()).toEqual([]);
});

/** What `bulk.ts` works with, with every call into the wasm counted. */
function counted(): { state: CpuState; calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const exports = cpu.exports as unknown as Record<string, (...args: number[]) => number>;
  // The exports are frozen: a proxy of them could answer with nothing else.
  const proxy = new Proxy({} as typeof exports, {
    get: (_target, name: string) => {
      const call = exports[name];
      if (call === undefined) throw new Error(`no export ${name}`);
      return (...args: number[]) => {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return call(...args);
      };
    },
  });
  const { memory, module } = heap.handle;
  const table = readFieldTable(module);
  const found = findHeap(memory.buffer, table);
  const state = {
    memory,
    view: new HeapView(memory, table, found.state === "ready" ? found.base : 0),
    options: heap.options,
    words: new Uint32Array(memory.buffer),
    isOnline: true,
    bulkAt: (cpu.exports.this_cpu.value + table.constants.CPU_BULK) / 4,
    calls: proxy,
  };
  return { state: state as unknown as CpuState, calls };
}

describe.each(Object.entries(BUILDS))("in the build %s", (_name, options) => {
  beforeEach(() => setUp(options));

  test.each([1, 2, 47, 48, 5000])("bulk calls of %i read no tables, and are few", (count) => {
    const { state, calls } = counted();
    const reads = vi.spyOn(HeapView.prototype, "u32");
    const pointers = kmallocBulk(state, 64, count, 0);
    const array = { kmalloc: 1, kfree_checked: 1 };
    const few = count < BULK_WORDS ? {} : array;
    const alone = count === 1;
    const made = Object.fromEntries(calls);
    expect(made).toEqual(alone ? { kmalloc: 1 } : { ...few, kmalloc_bulk: 1 });
    calls.clear();
    freeBulk(state, pointers, FREE);
    const freed = Object.fromEntries(calls);
    expect(freed).toEqual(alone ? { kfree_checked: 1 } : { ...few, kfree_bulk_checked: 1 });
    expect(reads).not.toHaveBeenCalled();
  });

  test("a bulk free to a cache reads no tables either, however many there are", () => {
    const cache = cpu.kmemCacheCreate({ name: "mine", size: 40 });
    const objects = cache.allocBulk(1000);
    const reads = vi.spyOn(HeapView.prototype, "u32");
    cache.freeBulk(objects);
    expect(reads).not.toHaveBeenCalled();
    expect(cache.destroy().released).toBe(true);
  });

  test("one bad pointer anywhere is named, and none is freed", () => {
    const cache = cpu.kmemCacheCreate({ name: "mine", size: 48 });
    const good = [...cache.allocBulk(40)];
    const foreign = cpu.kmalloc(64);
    const bad: readonly (readonly [number, RegExp])[] = [
      [4096, /expected an object of mine, got no object|one outside the heap's pages/],
      [(good[7] ?? 0) + 4, /got one inside an object/],
      [foreign, /expected an object of mine, got one of kmalloc-64/],
      [good[0] ?? 0, /expected an object in use, got one that is free already/],
    ];
    for (const [pointer, message] of bad) {
      for (const at of [1, 20, 40]) {
        const array = good.toSpliced(at, 0, pointer);
        for (const pointers of [array, Uint32Array.from(array), Float64Array.from(array)]) {
          const call = () => cache.freeBulk(pointers);
          expect(call).toThrow(SlabError);
          expect(call).toThrow(message);
          expect(call).toThrow(`cache.freeBulk[${at}](0x${pointer.toString(16)})`);
        }
      }
    }
    cpu.kfree(foreign);
    cache.freeBulk(good);
    expect(cache.destroy().released).toBe(true);
  });

  test("in a few of one slab or of several, each repeated one is found", () => {
    const all = cpu.kmallocBulk(64, 640);
    for (const step of [1, 7, 64]) {
      for (const count of [2, 3, 8, 47, 48, 60]) {
        const length = Math.min(count, Math.floor(640 / step));
        const few = Array.from({ length }, (_, i) => all[i * step] ?? 0);
        for (const from of new Set([0, 1, length >> 1, length - 1])) {
          for (const to of new Set([from + 1, length])) {
            const array = few.toSpliced(to, 0, few[from] ?? 0);
            const call = () => cpu.kfreeBulk(array);
            expect(call).toThrow(`cpu.kfreeBulk[${to}](0x${few[from]?.toString(16)})`);
            expect(call).toThrow(/free already/);
          }
        }
      }
    }
    for (let at = 0; at < 640; at += 40) cpu.kfreeBulk(all.subarray(at, at + 40));
  });

  test("a repeated pointer is found wherever it is, among thousands and large ones", () => {
    const good = [...cpu.kmallocBulk(8, 3000), ...cpu.kmallocBulk(20_000, 3), 0, 0, 16, 16];
    for (const [from, to] of [
      [0, 1],
      [5, 2999],
      [3001, 3001],
      [1234, 3006],
    ] as const) {
      const array = good.toSpliced(to + 1, 0, good[from] ?? 0);
      expect(() => cpu.kfreeBulk(array)).toThrow(/kfreeBulk\[\d+\].* free already/);
    }
    cpu.kfreeBulk(good);
  });
});

describe("without memory for the array", () => {
  test("the same is refused, and the rest freed one by one", async () => {
    await setUp({ maximumBytes: 2 * MIB });
    const pointers: number[] = [];
    for (let p = cpu.kmalloc(64); p !== 0; p = cpu.kmalloc(64)) pointers.push(p);
    const { state, calls } = counted();
    const [first = 0] = pointers;
    expect(() => freeBulk(state, [...pointers, first], FREE)).toThrow(
      /kfreeBulk\[\d+\].* free already/,
    );
    calls.clear();
    freeBulk(state, pointers, FREE);
    expect(calls.get("kfree_bulk_checked")).toBeUndefined();
    expect(calls.get("check_object")).toBe(pointers.length);
    expect(calls.get("kfree_checked")).toBe(pointers.length);
  });
});

describe("one bulk call in the middle of another", () => {
  test("from a constructor has its own addresses", () => {
    const inner: Uint32Array[] = [];
    const ctor = () => {
      const pointers = cpu.kmallocBulk(32, 20);
      inner.push(pointers);
      expect(() => cpu.kfreeBulk([...pointers, pointers[3] ?? 0])).toThrow(/kfreeBulk\[20\]/);
    };
    const cache = cpu.kmemCacheCreate({ name: "made", size: 2000, ctor });
    const objects = cache.allocBulk(30);
    expect(objects).toHaveLength(30);
    expect(new Set(objects).size).toBe(30);
    expect(inner.length).toBeGreaterThan(0);
    for (const pointers of inner) cpu.kfreeBulk(pointers);
    cache.freeBulk(objects);
    expect(cache.destroy().released).toBe(true);
  });

  test("from a handler of reports has its own addresses", async () => {
    let nested = 0;
    const onReport = () => {
      nested++;
      cpu.kfreeBulk(cpu.kmallocBulk(128, 10));
    };
    heap = await createHeap({ cpus: 2, maximumBytes: 64 * MIB, slabDebug: "FZPU" });
    cpu = heap.cpu(undefined, { onReport });
    const pointers = cpu.kmallocBulk(64, 12);
    for (const pointer of pointers) cpu.bytes(pointer, 64);
    // The red zone behind an object: its free is reported, in the middle of the call.
    new Uint8Array(heap.handle.memory.buffer)[(pointers[4] ?? 0) + 64] = 1;
    cpu.kfreeBulk(pointers);
    expect(nested).toBeGreaterThan(0);
    cpu.kfreeBulk(cpu.kmallocBulk(64, 12));
  });

  test("from a getter of the array has its own addresses, and offline() there is no write", () => {
    const outer = cpu.kmallocBulk(64, 3);
    const [a = 0, b = 0, c = 0] = outer;
    const array = [a, b, c];
    Object.defineProperty(array, 1, {
      get: () => {
        cpu.kfreeBulk(cpu.kmallocBulk(96, 5));
        return b;
      },
    });
    cpu.kfreeBulk(array);
    const [d = 0, e = 0] = cpu.kmallocBulk(64, 2);
    let reads = 0;
    const leaving = { length: 2, 0: d, 1: e };
    Object.defineProperty(leaving, 0, {
      get: () => {
        if (++reads === 2) cpu.offline();
        return d;
      },
    });
    expect(() => cpu.kfreeBulk(leaving)).toThrow(/CPU 0: expected a CPU that is online/);
    cpu = heap.cpu();
    cpu.kfreeBulk([d, e]);
  });

  test("the words are as many as the area has", () => {
    expect(readFieldTable(heap.handle.module).constants.BULK_WORDS).toBe(BULK_WORDS);
  });
});

describe("counts that memory cannot hold", () => {
  const ABSURD = [2 ** 32 - 1, 2 ** 31, 2 ** 30, 2 ** 24 + 1];

  test.each([0, 1, 64, 8192, 8193, 2 ** 22, 2 ** 32 - 1])(
    "give nothing, without a call into the wasm, for objects of %i bytes",
    (size) => {
      const { state, calls } = counted();
      for (const count of ABSURD) {
        expect(kmallocBulk(state, size, count, 0)).toHaveLength(0);
        expect(cpu.kmallocBulk(size, count)).toHaveLength(0);
        expect(cpu.kcalloc(count, Math.max(size, 8))).toBe(0);
      }
      calls.delete("preempt_count");
      expect(Object.fromEntries(calls)).toEqual({});
    },
  );

  test("give nothing from a cache, and views of them are refused", () => {
    const cache = cpu.kmemCacheCreate({ name: "mine", size: 8 });
    for (const count of ABSURD) {
      expect(cache.allocBulk(count)).toHaveLength(0);
      expect(() => cpu.bytes(8192, count)).toThrow(/cpu.bytes: expected bytes in/);
      expect(() => cpu.view(8192, Float64Array, count)).toThrow(/cpu.view: expected bytes in/);
      expect(() => cpu.kfreeBulk({ length: count })).toThrow(/kfreeBulk\[0\]: expected an integer/);
    }
  });

  test("what the rest of memory cannot hold is tried, and gives nothing", () => {
    expect(cpu.kmallocBulk(8192, 8180)).toHaveLength(0);
    expect(cpu.kmallocBulk(1024, 65_000)).toHaveLength(0);
    expect(cpu.kmallocBulk(0, 1_000_000)).toHaveLength(1_000_000);
  });

  test("an allocation that JavaScript has no room to list is none", () => {
    const { state, calls } = counted();
    const lessWords = { ...state, options: { ...heap.options, maximumBytes: 2 ** 60 } };
    expect(kmallocBulk(lessWords, 0, 2 ** 53 - 1, 0)).toHaveLength(0);
    expect(calls.get("kmalloc")).toBeUndefined();
    const full = () => {
      throw new RangeError("Array buffer allocation failed");
    };
    const words = Object.assign(new Uint32Array(state.memory.buffer), { slice: full });
    const before = heap.slabinfo();
    expect(allocBulk({ ...state, words }, 0, 64, 100, 0)).toHaveLength(0);
    expect(calls.get("kfree_bulk")).toBe(1);
    expect(heap.slabinfo().length).toBe(before.length);
  });
});
