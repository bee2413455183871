/**
 * Goal: the library's RCU calls refuse what would hang or damage, in words that help.
 * Method: each misuse once, and then the heap must be sound and go on working.
 */
import { type Cpu, createHeap, type Heap, SLAB_TYPESAFE_BY_RCU, SlabError } from "slablab";
import { afterEach, beforeEach, expect, test } from "vitest";

let heap: Heap;
let cpu: Cpu;
let bounded: Cpu;

beforeEach(async () => {
  heap = await createHeap({ cpus: 3, maximumBytes: 2 ** 24, build: "stats" });
  cpu = heap.cpu();
  bounded = heap.cpu(1, { mayWait: false });
});

afterEach(() => {
  expect(heap.validate()).toEqual([]);
});

test("an unlock without a lock throws", () => {
  expect(() => cpu.rcuReadUnlock()).toThrow("expected a read-side section of this CPU, got none");
  cpu.rcuReadLock();
  cpu.rcuReadUnlock();
  expect(() => cpu.rcuReadUnlock()).toThrow(Error);
});

test("waiting inside a section, an NMI or on a CPU that may not throws", () => {
  cpu.synchronizeRcu();
  cpu.rcuBarrier();
  cpu.rcuReadLock();
  expect(() => cpu.synchronizeRcu()).toThrow("outside read-side sections");
  expect(() => cpu.rcuBarrier()).toThrow("outside read-side sections");
  const cache = cpu.kmemCacheCreate({ name: "thing", size: 48 });
  expect(() => cache.destroy()).toThrow("outside read-side sections");
  expect(() => cpu.offline()).toThrow("outside read-side sections");
  cpu.rcuReadUnlock();
  expect(() => cpu.nmi(() => cpu.synchronizeRcu())).toThrow("outside nmi()");
  expect(() => cpu.nmi(() => cpu.rcuBarrier())).toThrow("outside nmi()");
  expect(() => bounded.synchronizeRcu()).toThrow("mayWait: false");
  expect(cache.destroy()).toMatchObject({ released: true });
});

test("a barrier that cannot wait for another CPU's reader says so", () => {
  const object = cpu.kmalloc(64);
  cpu.rcuReadLock();
  cpu.kfreeRcu(object);
  expect(() => bounded.rcuBarrier()).toThrow("stays open on another CPU");
  cpu.rcuReadUnlock();
  bounded.rcuBarrier();
});

test("kfreeRcu refuses what kfree refuses, and changes nothing then", () => {
  const object = cpu.kmalloc(64);
  const large = cpu.kmalloc(100_000);
  expect(() => cpu.kfreeRcu(object + 8)).toThrow(SlabError);
  expect(() => cpu.kfreeRcu(large + 4096)).toThrow(SlabError);
  expect(() => cpu.kfreeRcu(1.5)).toThrow(RangeError);
  expect(() => cpu.kfreeRcu(8)).toThrow(SlabError);
  bounded.rcuReadLock();
  cpu.kfreeRcu(object);
  expect(() => cpu.kfreeRcu(object)).toThrow("free already");
  expect(() => cpu.ksize(object)).toThrow(SlabError);
  bounded.rcuReadUnlock();
  cpu.kfreeRcu(large);
  cpu.kfreeRcu(0);
  cpu.rcuBarrier();
});

test("objects of a typesafe cache are reused at once and keep their bytes", () => {
  const cache = cpu.kmemCacheCreate({ name: "typed", size: 64, flags: SLAB_TYPESAFE_BY_RCU });
  const object = cache.alloc();
  cpu.bytes(object, 64).fill(7);
  cache.free(object);
  expect([...cpu.bytes(object, 64)].every((byte) => byte === 7)).toBe(true);
  expect(cpu.ksize(cache.alloc())).toBe(64);
  cache.free(object);
  expect(cache.destroy()).toMatchObject({ released: true });
});
