/**
 * SLAB_FREELIST_HARDENED: what lies in a free object is no address. Kernel: freelist_ptr_encode().
 */
import { createHeap } from "slablab";
import { validate } from "slablab/internal/heap/validate.js";
import { describe, expect, test } from "vitest";
import { eventNumber, HEAP_HARDENED } from "./support/events.js";
import { type Build, TestHeap } from "./support/heap.js";

const SIZE = 64;

function scene(build: Build = "hardened", seed = 7) {
  const heap = new TestHeap({ build, options: HEAP_HARDENED, seed, cpus: 2 });
  const cpu = heap.cpu(0);
  const cache = cpu.createCache("t", SIZE);
  return { heap, cpu, cache, slot: (object: number) => object + cache.offset };
}

describe.each<Build>(["hardened", "debug", "trace"])("in the build %s", (build) => {
  test("no slot holds an address, and NULL is encoded too", () => {
    const { heap, cpu, cache, slot } = scene(build);
    const objects = cpu.cacheTake(cache, 10);
    for (const object of objects) cpu.kfree(object);
    const stored = objects.map((object) => heap.u32(slot(object)));
    expect(stored.filter((word) => objects.includes(word) || word === 0)).toEqual([]);
    expect(new Set(stored).size).toBe(stored.length);
    const last = objects.map((object) => heap.view.freePointer(cache, object));
    expect(last.slice(1)).toEqual(objects.slice(0, -1));
  });

  test("every path that links objects links encoded ones", () => {
    const { heap, cpu } = scene(build);
    const other = heap.cpu(1);
    for (const size of [8, 96, 1024]) {
      const objects = cpu.take(size, 100);
      objects.forEach((object, index) => {
        (index % 2 === 0 ? cpu : other).kfree(object);
      });
      const bulk = cpu.kmallocBulk(size, 50);
      cpu.nmi(() => {
        for (const object of bulk.slice(25)) cpu.kfreeNolock(object);
      });
      other.kfreeBulk(bulk.slice(0, 25));
      cpu.barrier();
    }
  });
});

test("each cache has a secret of its own, and each seed others", () => {
  const secrets = (seed: number) => {
    const { heap } = scene("hardened", seed);
    return [...heap.view.caches()].map(({ random }) => random);
  };
  const [some, others] = [secrets(1), secrets(2)];
  expect(new Set([...some, ...others]).size).toBe(some.length + others.length);
  expect(secrets(1)).toEqual(some);
});

test("naive double-free detection: linking an object to itself stops the CPU", () => {
  const { heap, cpu, cache } = scene();
  const [object = 0] = cpu.cacheTake(cache, 1);
  cpu.kfree(object);
  expect(() => cpu.kfree(object)).toThrow(WebAssembly.RuntimeError);
  heap.abandon();
});

test("an overwritten free pointer leads nowhere, and validate() says so", () => {
  const { heap, cpu, cache, slot } = scene();
  const [first = 0, second = 0] = cpu.cacheTake(cache, 2);
  cpu.kfree(first);
  cpu.kfree(second);
  heap.setU32(slot(second), first);
  expect(validate(heap.view).map(({ invariant }) => invariant)).toContain("O5-freelist");
  heap.abandon();
});

test("the link of a drained object is cleared by set_freepointer(), not by a raw 0", () => {
  const { heap, cpu, cache } = scene("trace");
  const other = heap.cpu(1);
  const objects = cpu.cacheTake(cache, 2 * cache.objects);
  // All but one object of the first slab are free: freeing the last takes list_lock.
  const rest = objects.slice(0, cache.objects);
  const last = rest.shift() ?? 0;
  for (const object of rest) other.kfree(object);
  cpu.nmi(() => cpu.kfreeNolock(last));
  const seen: number[] = [];
  heap.onTrace = (event) => {
    if (event === eventNumber("TRACE_HELD")) seen.push(heap.view.freePointer(cache, last));
  };
  cpu.kfreeNolock(objects.at(-1) ?? 0);
  other.barrier();
  heap.onTrace = undefined;
  expect(heap.stat(cache, "DEFER_DRAINED")).toBeGreaterThan(0);
  for (const pointer of seen) {
    const slab = heap.slabOf(last);
    expect(pointer === 0 || heap.slabAddressOf(pointer) === slab.address).toBe(true);
  }
});

test("createHeap({ hardened }) takes a build that can", async () => {
  for (const build of [undefined, "release", "debug", "trace"] as const) {
    const heap = await createHeap({ cpus: 1, hardened: true, ...(build ? { build } : {}) });
    const cpu = heap.cpu();
    const object = cpu.kmalloc(SIZE);
    cpu.kfree(object);
    expect(cpu.view(object + 32, Uint32Array, 1)[0]).not.toBe(0);
    expect(heap.validate()).toEqual([]);
  }
  await expect(createHeap({ hardened: true, build: "stats" })).rejects.toThrow(
    /expected one of the builds release, debug and trace, got stats/,
  );
});
