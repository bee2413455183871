/**
 * Goal: every option means what it says, and a bad one is refused with a sentence that helps.
 * Method: a table of bad options; the message must say what was expected, what came, what to try.
 */
import { readFile } from "node:fs/promises";
import { createHeap, type HeapOptions } from "slablab";
import { DEFER_ARMS } from "slablab/internal/heap/arms.js";
import { afterEach, describe, expect, test, vi } from "vitest";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

afterEach(() => {
  vi.unstubAllGlobals();
});

/** What createHeap() rejects with. */
async function rejection(options: unknown): Promise<Error> {
  try {
    await createHeap(options as HeapOptions);
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected createHeap to reject");
}

describe("defaults", () => {
  test("a heap without options has them", async () => {
    const { options, handle } = await createHeap();
    expect(options).toMatchObject({ nodes: 1, maximumBytes: 256 * MIB, reserveBytes: 0 });
    expect(options).toMatchObject({ maxCaches: 256, defer: "irq-work", build: "release" });
    expect(options.cpus).toBeGreaterThanOrEqual(1);
    expect(options.cpus).toBeLessThanOrEqual(256);
    expect(handle.memory.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(handle.memory.buffer.byteLength).toBeLessThan(32 * MIB);
  });

  test("undefined is as good as left out", async () => {
    const { options } = await createHeap({ cpus: undefined, defer: undefined } as never);
    expect(options.defer).toBe("irq-work");
  });

  test("options cannot be changed afterwards", async () => {
    const { options, handle } = await createHeap();
    expect(Object.isFrozen(options) && Object.isFrozen(handle)).toBe(true);
  });
});

describe("good options", () => {
  test("the smallest and the largest heap work", async () => {
    for (const maximumBytes of [MIB, 4 * GIB]) {
      const heap = await createHeap({ cpus: 1, maxCaches: 16, maximumBytes });
      const cpu = heap.cpu();
      expect(cpu.kmalloc(64)).not.toBe(0);
      expect(heap.options.maximumBytes).toBe(maximumBytes);
      expect(heap.validate()).toEqual([]);
    }
  });

  test("addresses above 2 GiB are positive and usable", async () => {
    const heap = await createHeap({ cpus: 1, maximumBytes: 4 * GIB, reserveBytes: 2.5 * GIB });
    const cpu = heap.cpu();
    const pointers = [
      cpu.kmalloc(64),
      cpu.kzalloc(8),
      cpu.kmalloc(100_000),
      cpu.alignedAlloc(64, 8),
    ];
    pointers.push(...cpu.kmallocBulk(64, 3), cpu.kmallocNolock(64), cpu.kcalloc(2, 2));
    const cache = cpu.kmemCacheCreate({
      name: "high",
      size: 24,
      ctor: (p) => expect(p > GIB).toBe(true),
    });
    pointers.push(cache.alloc(), ...cache.allocBulk(2), cpu.krealloc(0, 10));
    for (const pointer of pointers) {
      expect(pointer).toBeGreaterThan(2.5 * GIB);
      cpu.bytes(pointer, 8).fill(1);
    }
    expect(heap.validate()).toEqual([]);
    cpu.kfreeBulk(pointers);
    expect(heap.validate()).toEqual([]);
  });

  test("reserved bytes are never touched and never handed out", async () => {
    const heap = await createHeap({ cpus: 2, maximumBytes: 16 * MIB, reserveBytes: 100_000 });
    const cpu = heap.cpu();
    for (let p = cpu.kmalloc(4096); p !== 0; p = cpu.kmalloc(4096)) {
      expect(p).toBeGreaterThan(100_000);
      cpu.bytes(p, 4096).fill(0xff);
    }
    const below = new Uint8Array(heap.handle.memory.buffer, 0, 100_000);
    expect(below.every((byte) => byte === 0)).toBe(true);
  });

  test("initialBytes is where the memory starts", async () => {
    const { handle } = await createHeap({
      cpus: 1,
      maximumBytes: 64 * MIB,
      initialBytes: 50 * MIB,
    });
    expect(handle.memory.buffer.byteLength).toBe(50 * MIB);
  });

  test.each(DEFER_ARMS)("the arm %s is in force", async (defer) => {
    const heap = await createHeap({ cpus: 2, maximumBytes: 16 * MIB, defer });
    expect(heap.options.defer).toBe(defer);
    const cpu = heap.cpu();
    for (const pointer of cpu.kmallocBulk(64, 300)) cpu.kfreeNolock(pointer);
    cpu.poll();
    expect(heap.validate()).toEqual([]);
  });

  test.each(["release", "stats", "debug", "model"] as const)("build %s works", async (build) => {
    const heap = await createHeap({ cpus: 1, maximumBytes: 16 * MIB, build });
    const cpu = heap.cpu();
    cpu.kfreeBulk(cpu.kmallocBulk(100, 1000));
    expect(heap.validate()).toEqual([]);
    expect(heap.options.build).toBe(build);
  });

  test("your own bytes, module or URL work, and are compiled once", async () => {
    const url = import.meta.resolve("../../dist/wasm/release.wasm");
    const bytes = await readFile(new URL(url));
    const module = await WebAssembly.compile(bytes);
    for (const own of [
      { module },
      { module: bytes },
      { wasmUrl: url },
      { wasmUrl: new URL(url) },
    ]) {
      const heap = await createHeap({ cpus: 1, maximumBytes: 16 * MIB, ...own });
      expect(heap.cpu().kmalloc(8)).not.toBe(0);
      expect(heap.options.build).toBeUndefined();
    }
    const [a, b] = await Promise.all([createHeap(), createHeap({ build: "release" })]);
    expect(a.handle.module).toBe(b.handle.module);
  });
});

describe("bad options", () => {
  const RANGE: readonly object[] = [
    { cpus: 0 },
    { cpus: 257 },
    { cpus: 1.5 },
    { cpus: Number.NaN },
    { nodes: 0 },
    { nodes: 9 },
    { maximumBytes: MIB - 1 },
    { maximumBytes: 4 * GIB + 1 },
    { maximumBytes: -1 },
    { initialBytes: -1 },
    { maximumBytes: MIB, initialBytes: 2 * MIB },
    { maximumBytes: MIB, reserveBytes: MIB },
    { maxCaches: 3 },
    { maxCaches: 100_000 },
    { defer: "percpu" },
    { percpu: "page" },
    { build: "fast" },
    { cpus: 256, maximumBytes: MIB },
  ];
  test.each(RANGE)("%o is a RangeError", async (options) => {
    const error = await rejection(options);
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(/^options\.\w+: expected .+, got .+; /);
  });

  const TYPE: readonly unknown[] = [
    null,
    5,
    "irq-work",
    { cpus: "4" },
    { maximumBytes: 5n },
    { defer: 7 },
    { build: null },
    { cpu: 4 },
    { memcg: {} },
    { module: "release.wasm" },
    { module: {} },
    { wasmUrl: "not a url" },
    { build: "stats", wasmUrl: "file:///x.wasm" },
  ];
  test.each(TYPE)("%o is a TypeError", async (options) => {
    const error = await rejection(options);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/^options.*: expected .+, got .+; /);
  });

  test("a file that is not there is named", async () => {
    const error = await rejection({ wasmUrl: "file:///nowhere/slab.wasm" });
    expect(error.message).toMatch(/file:\/\/\/nowhere\/slab\.wasm, got: ENOENT.*options\.wasmUrl/);
  });
});

describe("runtimes that cannot share memory", () => {
  test("no SharedArrayBuffer: the message names both headers", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const error = await rejection({});
    expect(error.message).toMatch(/Cross-Origin-Opener-Policy: same-origin/);
    expect(error.message).toMatch(/Cross-Origin-Embedder-Policy: require-corp/);
  });

  test("a page that is not cross-origin isolated: the same", async () => {
    vi.stubGlobal("crossOriginIsolated", false);
    expect((await rejection({})).message).toMatch(/not cross-origin isolated/);
  });

  test("a thread that may not wait gets CPUs that do not", async () => {
    const heap = await createHeap({ cpus: 2, maximumBytes: 16 * MIB });
    vi.spyOn(Atomics, "wait").mockImplementation(() => {
      throw new TypeError("Atomics.wait cannot be called in this context");
    });
    const cpu = heap.cpu();
    expect(cpu.mayWait).toBe(false);
    expect(() => heap.cpu(1, { mayWait: true })).toThrow(/expected false on a thread/);
    vi.restoreAllMocks();
  });
});
