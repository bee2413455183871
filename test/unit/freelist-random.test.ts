/**
 * SLAB_FREELIST_RANDOM: new slabs are linked in an order that differs from slab to slab.
 * Kernel: init_cache_random_seq(), shuffle_freelist().
 */
import { expect, test } from "vitest";
import { HEAP_HARDENED, HEAP_RANDOMIZE } from "./support/events.js";
import { MIB, TestHeap } from "./support/heap.js";

/** Offsets of a fresh slab's objects in the order in which they are handed out, twice. */
function orders(seed: number, options = HEAP_RANDOMIZE) {
  const heap = new TestHeap({ options, seed, build: "hardened" });
  const cpu = heap.cpu(0);
  const cache = cpu.createCache("t", 64);
  const take = () => {
    const objects = cpu.cacheTake(cache, cache.objects);
    const start = Math.min(...objects);
    return objects.map((object) => (object - start) / cache.size);
  };
  return [take(), take()] as const;
}

const sorted = (order: readonly number[]) => [...order].sort((a, b) => a - b);

test("each slab is a permutation, none is in order, and two differ", () => {
  const [one, two] = orders(5);
  expect(sorted(one)).toEqual(one.map((_, index) => index));
  expect(sorted(two)).toEqual(sorted(one));
  expect(one).not.toEqual(sorted(one));
  expect(one).not.toEqual(two);
});

test("the second slab is the same cycle from another place", () => {
  const [one, two] = orders(5);
  const at = one.indexOf(two[0] ?? -1);
  expect([...one.slice(at), ...one.slice(0, at)]).toEqual(two);
});

test("a seed decides it, and without the option objects come in order", () => {
  expect(orders(5)).toEqual(orders(5));
  expect(orders(5)).not.toEqual(orders(6));
  const [plain] = orders(5, 0);
  expect(plain).toEqual(sorted(plain));
});

test("with hardening too", () => {
  const [one] = orders(9, HEAP_RANDOMIZE | HEAP_HARDENED);
  expect(sorted(one)).toEqual(one.map((_, index) => index));
});

test("a slab of the smaller order links just its own objects", () => {
  const heap = new TestHeap({ options: HEAP_RANDOMIZE, cpus: 4, maximumBytes: 2 * MIB });
  const cpu = heap.cpu(0);
  const cache = heap.cache("kmalloc-1k");
  expect([cache.order, cache.minOrder]).toEqual([2, 0]);
  // Nothing of order 2 is left, and one block of order 1.
  const [block = 0] = cpu.takeAll(16384);
  cpu.kfree(block);
  cpu.take(8192, 1);
  const objects = cpu.takeAll(1024);
  expect(heap.stat(cache, "ORDER_FALLBACK")).toBeGreaterThan(0);
  expect(new Set(objects).size).toBe(objects.length);
  for (const object of objects) cpu.kfree(object);
});

test("the permutation goes with its cache", () => {
  const heap = new TestHeap({ options: HEAP_RANDOMIZE });
  const cpu = heap.cpu(0);
  const cycle = () => {
    const cache = cpu.createCache("t", 8);
    cpu.kfree(cpu.cacheTake(cache, 1)[0] ?? 0);
    expect(cpu.destroyCache(cache)).toBe(0);
  };
  for (let i = 0; i < 3; i++) cycle();
  const before = heap.freePages();
  for (let i = 0; i < 50; i++) cycle();
  expect(heap.freePages()).toBe(before);
});
