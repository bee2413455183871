/**
 * Goal: slabDebug is the kernel's slab_debug=, letter by letter. Method: what each text makes of
 * the kmalloc caches' flags; and for every wrong text the sentence that says so.
 */
import { createHeap, type HeapOptions, SLAB_RED_ZONE } from "slablab";
import { compileBuild } from "slablab/internal/heap/load.js";
import { parseSlabDebug } from "slablab/internal/heap/slab-debug-option.js";
import { describe, expect, test } from "vitest";
import { TestHeap } from "./support/heap.js";

const F = 0x100;
const Z = 0x200;
const P = 0x400;
const U = 0x800;
const T = 0x1000;
const A = 0x2000;
const O = 0x8000;
const OBJECT_POISON = 0x4000;
const LETTERS = F | Z | P | U | T | A;

/** Flags of some caches of a heap made with this option. */
function flagsOf(slabDebug: string, ...names: string[]): number[] {
  const heap = new TestHeap({ build: "debug", slabDebug });
  return names.map((name) => heap.cache(name).flags & LETTERS);
}

describe("what it says", () => {
  test.each([
    ["", F | Z | P | U],
    ["slab_debug", F | Z | P | U],
    ["slub_debug", F | Z | P | U],
    ["slab_debug=", F | Z | P | U],
    ["FZPU", F | Z | P | U],
    ["slab_debug=FZ", F | Z],
    ["slub_debug=pu", P | U],
    ["T", T],
    ["A", A],
    ["-", 0],
  ])("%j is for all caches", (text, flags) => {
    expect(flagsOf(text, "kmalloc-8", "kmalloc-8k")).toEqual([flags, flags]);
  });

  test.each([
    ["FZ,kmalloc-64", [0, F | Z, 0]],
    [",kmalloc-64", [0, F | Z | P | U, 0]],
    ["FZ,kmalloc-64;U,kmalloc-*", [U, F | Z, U]],
    ["U,kmalloc-*;FZ,kmalloc-64", [U, U, U]],
    ["P;FZ,kmalloc-64", [P, F | Z, P]],
    ["F,kmalloc-6*,kmalloc-8", [F, F, 0]],
    ["FZPU;-,kmalloc-64", [F | Z | P | U, 0, F | Z | P | U]],
    ["F;Z", [Z, Z, Z]],
    ["F,dentry", [0, 0, 0]],
  ] as const)("%j: the first block that names a cache wins over that for all", (text, flags) => {
    expect(flagsOf(text, "kmalloc-8", "kmalloc-64", "kmalloc-8k")).toEqual([...flags]);
  });

  test("it holds for caches made later, with the flags they are made with", () => {
    const heap = new TestHeap({ build: "debug", slabDebug: "U,dent*" });
    const cpu = heap.cpu(0);
    const flags = (name: string) => cpu.createCache(name, 64, { flags: Z }).flags & LETTERS;
    expect(flags("dentry")).toBe(U | Z);
    expect(flags("inode")).toBe(Z);
  });

  test("O leaves red zones, poison and tracks out where slabs would be larger for them", () => {
    const heap = new TestHeap({ build: "debug", slabDebug: "FZPUO" });
    const flags = (name: string) => heap.cache(name).flags & (LETTERS | OBJECT_POISON | O);
    expect(flags("kmalloc-64")).toBe(F | Z | P | U | O | OBJECT_POISON);
    // One object of 4 KiB no longer fits a page.
    expect(flags("kmalloc-4k")).toBe(F | O);
    expect(heap.cache("kmalloc-4k")).toMatchObject({ size: 4096, red_left_pad: 0 });
    const cpu = heap.cpu(0);
    for (const size of [64, 4096]) cpu.kfree(cpu.kmalloc(size));
  });

  test("O alone makes no debug caches", () => {
    const heap = new TestHeap({ build: "debug", slabDebug: "O" });
    expect(heap.cache("kmalloc-4k").cpu_partial).toBe(6);
  });
});

describe("what it refuses", () => {
  test.each([
    ["slab_debug=Q", /expected letters among F, Z, P, U, T, A, O, or - alone, got "Q"; try "FZPU"/],
    ["FZQ,kmalloc-64", /got "Q" in "FZQ"; /],
    ["F-", /got "-" in "F-"/],
    ["FZ;", /expected letters between semicolons, got "FZ;"/],
    ["FZ,", /expected names of 1\.\.31 bytes.*, got ""; try "FZ,kmalloc-64"/],
    ["FZ,kmalloc-*4", /a \* at most at the end.*got "kmalloc-\*4"/],
    ["FZ, kmalloc-64", /got " kmalloc-64"/],
    ["F,kmalloc-65", /expected a kmalloc cache, of the sizes 8, 16, .*, got "kmalloc-65"; try/],
    ["F,kmalloc-x*", /expected a kmalloc cache, .*, got "kmalloc-x\*"/],
    [`F,${"x".repeat(32)}`, /names of 1\.\.31 bytes/],
    [`F${",a".repeat(17)}`, /at most 16 names, got 17; name several with a \*/],
  ])("%j", (text, message) => {
    expect(() => parseSlabDebug(text)).toThrow(RangeError);
    expect(() => parseSlabDebug(text)).toThrow(message);
  });

  test("what is no string", () => {
    for (const value of [true, 1, null, {}]) {
      expect(() => parseSlabDebug(value)).toThrow(TypeError);
      expect(() => parseSlabDebug(value)).toThrow(/^options\.slabDebug: expected a string/);
    }
  });
});

describe("the build", () => {
  const make = (options: HeapOptions) =>
    createHeap({ cpus: 1, maximumBytes: 2 ** 24, slabDebug: "FZPU", ...options });

  test("is debug, unless trace was asked for", async () => {
    expect((await make({})).options).toMatchObject({ build: "debug", slabDebug: "FZPU" });
    expect((await make({ build: "release" })).options.build).toBe("debug");
    expect((await make({ build: "debug" })).options.build).toBe("debug");
    expect((await make({ build: "trace" })).options.build).toBe("trace");
    expect((await make({ hardened: true })).options.build).toBe("debug");
  });

  test.each(["stats", "model"] as const)("%s is refused", async (build) => {
    await expect(make({ build })).rejects.toThrow(RangeError);
    await expect(make({ build })).rejects.toThrow(/options\.slabDebug: expected one of the builds/);
  });

  test("a module of your own must have slab_debug", async () => {
    const module = await compileBuild("release");
    await expect(make({ module })).rejects.toThrow(/expected a module with slab_debug/);
    const heap = await make({ module: await compileBuild("debug") });
    expect(heap.slabinfo().find(({ name }) => name === "kmalloc-64")?.objsize).not.toBe(64);
  });

  test("flags of slab_debug are refused by builds without it", async () => {
    const cpu = (await createHeap({ cpus: 1, maximumBytes: 2 ** 24 })).cpu();
    const create = () => cpu.kmemCacheCreate({ name: "x", size: 64, flags: SLAB_RED_ZONE });
    expect(create).toThrow(RangeError);
    expect(create).toThrow(/flags of slab_debug in a build without it, got 0x200; create the heap/);
  });

  test("failslab goes on with slabDebug that does not name caches for it", async () => {
    const cpu = (await make({ percpu: "slab", failslab: { nth: 2 } })).cpu();
    const found = [1, 2, 3].map(() => cpu.kmalloc(64) !== 0);
    expect(found.filter((isThere) => !isThere).length).toBe(1);
  });

  test("the memory grows where the records would not fit, and reserved bytes stay", async () => {
    const heap = await make({ reserveBytes: 2 ** 20 + 100, initialBytes: 0 });
    expect(heap.validate()).toEqual([]);
    const reserved = new Uint8Array(heap.handle.memory.buffer, 0, 2 ** 20 + 100);
    expect(reserved.every((byte) => byte === 0)).toBe(true);
    await expect(make({ maximumBytes: 2 ** 20, reserveBytes: 2 ** 20 - 10 })).rejects.toThrow(
      /options\.maximumBytes: expected room/,
    );
  });
});
