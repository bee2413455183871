/**
 * Goal: a KmemCache whose cache was destroyed through another object, on this CPU, another or
 * another thread, never again touches the heap, whatever became of the entry. Method: every call of
 * every object left behind; two destroys at once; generations as the allocator writes them.
 */
import { Worker } from "node:worker_threads";
import { type Cpu, createHeap, type Heap, type KmemCache } from "slablab";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let heap: Heap;
let [here, there]: Cpu[] = [];

beforeEach(async () => {
  heap = await createHeap({ cpus: 3, maximumBytes: 2 ** 24, maxCaches: 32 });
  [here, there] = [heap.cpu(), heap.cpu()];
});

afterEach(() => {
  expect(heap.validate()).toEqual([]);
});

function two(): [Cpu, Cpu] {
  if (here === undefined || there === undefined) throw new Error("two CPUs");
  return [here, there];
}

/** Every call of a cache, with arguments that are right. */
const CALLS: Readonly<Record<string, (cache: KmemCache, object: number) => unknown>> = {
  alloc: (cache) => cache.alloc(),
  allocNolock: (cache) => cache.allocNolock(),
  allocBulk: (cache) => cache.allocBulk(3),
  "allocBulk(0)": (cache) => cache.allocBulk(0),
  free: (cache, object) => cache.free(object),
  freeNolock: (cache, object) => cache.freeNolock(object),
  freeBulk: (cache, object) => cache.freeBulk([object]),
  "freeBulk()": (cache) => cache.freeBulk([]),
  prefillSheaf: (cache) => cache.prefillSheaf(3),
  shrink: (cache) => cache.shrink(),
  validate: (cache) => cache.validate(),
  destroy: (cache) => cache.destroy(),
};

function expectGone(cache: KmemCache, object: number): void {
  for (const [name, call] of Object.entries(CALLS)) {
    const method = name.replace(/\(.*/, "");
    const text = `cache.${method}: cache ${cache.name}: expected a cache that exists, got one that`;
    expect(() => call(cache, object), name).toThrow(text);
  }
}

describe("after a cache was destroyed", () => {
  test("every method of KmemCache is in the list of these tests", async () => {
    const { KmemCache: made } = await import("slablab/internal/heap/kmem-cache.js");
    const methods = Object.getOwnPropertyNames(made.prototype).filter((n) => n !== "constructor");
    const named = new Set(Object.keys(CALLS).map((n) => n.replace(/\(.*/, "")));
    expect([...named].sort()).toEqual(methods.sort());
  });

  test("every call of every other object of it throws, while its entry is free", () => {
    const [a, b] = two();
    const mine = a.kmemCacheCreate({ name: "small", size: 40 });
    const others = [a.kmemCacheOpen("small"), b.kmemCacheOpen("small")];
    const object = mine.alloc();
    others[0]?.free(object);
    expect(mine.destroy().released).toBe(true);
    for (const each of [mine, ...others]) expectGone(each, object);
  });

  test("the same when the entry is another cache, of the same name too, whose objects stay", () => {
    const [a, b] = two();
    for (const [name, size] of [["large", 3000] as const, ["small", 40] as const]) {
      const mine = a.kmemCacheCreate({ name: "small", size: 40 });
      const theirs = b.kmemCacheOpen("small");
      mine.destroy();
      const next = a.kmemCacheCreate({ name, size });
      const object = next.alloc();
      expectGone(theirs, object);
      expectGone(mine, object);
      b.kmemCacheOpen(name).free(object);
      expect(next.destroy().released).toBe(true);
    }
  });

  test("a cache with objects stays, and so do all objects for it", () => {
    const [a, b] = two();
    const mine = a.kmemCacheCreate({ name: "busy", size: 40 });
    const theirs = b.kmemCacheOpen("busy");
    const object = theirs.alloc();
    expect(mine.destroy().released).toBe(false);
    theirs.free(object);
    theirs.free(mine.alloc());
    expect(theirs.destroy().released).toBe(true);
  });

  test("a CPU that went offline says that first", () => {
    const [a, b] = two();
    const mine = a.kmemCacheCreate({ name: "gone", size: 40 });
    const theirs = b.kmemCacheOpen("gone");
    b.offline();
    mine.destroy();
    expect(() => theirs.alloc()).toThrow(/got one after offline\(\)/);
  });

  test("an entry that was used 100 times has another generation each time", () => {
    const [a, b] = two();
    const stale: KmemCache[] = [];
    for (let round = 0; round < 100; round++) {
      const cache = a.kmemCacheCreate({ name: "again", size: 64 });
      stale.push(b.kmemCacheOpen("again"));
      cache.destroy();
    }
    const last = a.kmemCacheCreate({ name: "again", size: 64 });
    const taken = stale.filter((cache) => {
      try {
        return cache.alloc() !== 0;
      } catch {
        return false;
      }
    });
    expect(taken).toEqual([]);
    last.destroy();
  });

  test("another Worker that destroys it is noticed by the next call", async () => {
    const [a] = two();
    const mine = a.kmemCacheCreate({ name: "shared", size: 40 });
    mine.free(mine.alloc());
    const source = `
      import { parentPort, workerData } from "node:worker_threads";
      const { attachHeap } = await import(workerData.library);
      const cpu = (await attachHeap(workerData.handle)).cpu();
      parentPort.postMessage(cpu.kmemCacheOpen("shared").destroy().released);
      cpu.kmemCacheCreate({ name: "other", size: 500 });
      cpu.offline();`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const library = import.meta.resolve("slablab");
    const worker = new Worker(url, { workerData: { library, handle: heap.handle } });
    const released = await new Promise((resolve, reject) => {
      worker.once("message", resolve).once("error", reject);
    });
    await new Promise((resolve) => worker.once("exit", resolve));
    expect(released).toBe(true);
    expectGone(mine, 0);
  });
});

test("the allocator itself refuses to destroy what another destroyed between look and lock", () => {
  const [a, b] = two();
  const { kmem_cache_destroy: destroy } = b.exports as unknown as {
    kmem_cache_destroy(cache: number, generation: number): number;
  };
  const mine = a.kmemCacheCreate({ name: "twice", size: 40 });
  const address = b.exports.kmem_cache_open(nameAt(b, "twice"));
  mine.destroy();
  const next = a.kmemCacheCreate({ name: "next", size: 100 });
  const object = next.alloc();
  expect(destroy(address, 1) >>> 0).toBe(0xffffffff);
  next.free(object);
  expect(next.destroy().released).toBe(true);
});

/** A NUL-terminated name in an allocation. */
function nameAt(cpu: Cpu, name: string): number {
  const at = cpu.kzalloc(32);
  cpu.bytes(at, name.length).set(Buffer.from(name));
  return at;
}
