/**
 * Goal: a name that was taken can be found again by every thread, and no two caches of a heap have
 * the same; and a cache that cannot be made says why. Method: names that UTF-8 or its decoders
 * change, names of the caches that the heap makes for itself, in both orders; raw calls too.
 */
import {
  __GFP_ACCOUNT,
  type Cpu,
  createHeap,
  type Heap,
  SLAB_ACCOUNT,
  SLAB_HWCACHE_ALIGN,
  SLAB_TYPESAFE_BY_RCU,
} from "slablab";
import { decodeUtf8, encodeUtf8 } from "slablab/internal/heap/text.js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

let heap: Heap;
let cpu: Cpu;

beforeEach(async () => {
  heap = await createHeap({ cpus: 2, maximumBytes: 2 ** 24, maxCaches: 64 });
  cpu = heap.cpu();
});

afterEach(() => {
  vi.unstubAllGlobals();
  expect(heap.validate()).toEqual([]);
});

const makers: Readonly<Record<string, (name: string) => unknown>> = {
  "cpu.kmemCacheCreate": (name) => cpu.kmemCacheCreate({ name, size: 8 }),
  "cpu.memcgCreate": (name) => cpu.memcgCreate({ name, limitBytes: 2 ** 20 }),
  "heap.memcgCreate": (name) => heap.memcgCreate({ name, limitBytes: 2 ** 20 }),
};
const CHANGED = ["\ud800", "a\udc00b", "\udfff\ud800", "\ufeffmark", `${"x".repeat(28)}\ud800`];

describe.each(Object.entries(makers))("%s", (call, make) => {
  test.each(CHANGED)("refuses %j, which would be another name in the heap", (name) => {
    expect(() => make(name)).toThrow(RangeError);
    expect(() => make(name)).toThrow(`${call}: name: expected 1..31 bytes of UTF-8`);
  });

  test("refuses it also where the encoder is the worklet's", () => {
    vi.stubGlobal(
      "TextEncoder",
      class {
        encode = encodeUtf8;
      },
    );
    vi.stubGlobal(
      "TextDecoder",
      class {
        decode = (bytes: Uint8Array) => decodeUtf8(bytes);
      },
    );
    expect(() => make("a\ud800")).toThrow(`${call}: name: expected 1..31 bytes of UTF-8`);
    make("fine");
  });

  test.each([" ", "a b", "a\u00a0b", "a\u2028b", "a\u0085b", "a\tb", "\u007f", "a\0b"])(
    "refuses %j, which has no place in a column",
    (name) => {
      expect(() => make(name)).toThrow(/without spaces, got /);
    },
  );

  test("takes every other name, and shows it as it is", () => {
    const names = ["ä", "名前", "😀😀", "~", "-", "x".repeat(31), "kmalloc", "Kmalloc-64"];
    for (const name of names) make(name);
    const shown = call.includes("Cache")
      ? heap.slabinfo().map((each) => each.name)
      : names.map((name) => heap.memcgOpen(name).name);
    expect(shown).toEqual(expect.arrayContaining(names));
  });
});

describe("names of the heap's own caches", () => {
  const OWN = ["kmalloc-64", "kmalloc-cg-64", "kmalloc-rcl-8", "kmalloc-", "kmalloc-what-may-come"];

  test.each(OWN)("%s is refused before and after the heap makes some of its own", (name) => {
    const make = () => cpu.kmemCacheCreate({ name, size: 8 });
    const words = /expected one that does not begin with kmalloc-, .* got "kmalloc-.*; try another/;
    expect(make).toThrow(words);
    cpu.memcg = heap.memcgCreate({ name: "g", limitBytes: 2 ** 20 });
    cpu.kfree(cpu.kmalloc(64, __GFP_ACCOUNT));
    expect(make).toThrow(words);
    expect(heap.slabinfo().map((each) => each.name)).toHaveLength(26);
  });

  test.each(OWN)("%s is refused by the allocator itself, which other modules call", (name) => {
    const at = cpu.kzalloc(32);
    cpu.bytes(at, name.length).set(Buffer.from(name));
    expect(cpu.exports.kmem_cache_create(at, 8, 0, 0, 0, 0)).toBe(0);
  });

  test("all begin so, whatever the heap makes", async () => {
    heap.memcgCreate({ name: "g", limitBytes: 2 ** 20 });
    const others = heap.slabinfo().filter((each) => !each.name.startsWith("kmalloc-"));
    expect(others).toEqual([]);
  });
});

describe("a cache that cannot be made", () => {
  const MIB4 = 4 * 2 ** 20;
  const LARGEST = { name: "largest", size: MIB4 };

  test.each([
    ["SLAB_TYPESAFE_BY_RCU", { flags: SLAB_TYPESAFE_BY_RCU }, /a free pointer behind each/],
    ["a constructor", { ctor: () => {} }, /a free pointer behind each/],
    ["SLAB_ACCOUNT", { flags: SLAB_ACCOUNT }, /whom it is charged to/],
  ])("for its size with %s says so, and not that memory is out", async (_name, options, reason) => {
    heap = await createHeap({ cpus: 1, maximumBytes: 2 ** 26 });
    cpu = heap.cpu();
    const make = () => cpu.kmemCacheCreate({ ...LARGEST, ...options });
    expect(make).toThrow(RangeError);
    expect(make).toThrow(/size: expected objects that fit into 4194304 bytes with what they need/);
    expect(make).toThrow(reason);
    cpu.kmemCacheCreate({ ...LARGEST, ...options, size: MIB4 - 4096 });
  });

  test("the largest without any of that is made", () => {
    const cache = cpu.kmemCacheCreate({ ...LARGEST, flags: SLAB_HWCACHE_ALIGN, align: 4096 });
    expect(cache.destroy().released).toBe(true);
  });

  test("for a full table says so, and for memory that is out says that", () => {
    for (let i = 0; i < 50; i++) cpu.kmemCacheCreate({ name: `c${i}`, size: 8 });
    expect(() => cpu.kmemCacheCreate({ name: "more", size: 8 })).toThrow(
      /expected room in the cache table, got caches in all of its 63 entries/,
    );
    cpu.kmemCacheOpen("c0").destroy();
    for (let p = cpu.kmalloc(4096); p !== 0; p = cpu.kmalloc(4096));
    expect(() => cpu.kmemCacheCreate({ name: "more", size: 8 })).toThrow(
      /expected memory for the statistics of more, got none/,
    );
  });
});
