/**
 * Goal: kfree_nolock() frees at once where that takes no lock and defers everywhere else, for
 * objects of either kind of allocation. Method: raw calls in tasks, NMIs and sections made by hand.
 */
import { DEFER_ARMS } from "slablab/internal/heap/arms.js";
import { describe, expect, test } from "vitest";
import { ZERO_SIZE_PTR } from "./support/cpu.js";
import { BUILDS, MIB, TestHeap } from "./support/heap.js";

test("NOLOCK_FREE_FASTPATH: an object of the cpu slab goes back to its list at once", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const cache = heap.cache("kmalloc-128");
  const [object] = cpu.take(128, 2) as [number];
  const counts = heap.countsOf(cache, () => cpu.nmi(() => cpu.kfreeNolock(object)));
  expect(counts).toEqual({ NOLOCK_FREE_FASTPATH: 1 });
  expect(cpu.kmalloc(128)).toBe(object);
});

test("DEFER_ADD: an object of any other slab waits", () => {
  const heap = new TestHeap();
  const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
  const cache = heap.cache("kmalloc-128");
  const [object] = cpu.take(128, 2) as [number];
  const counts = heap.countsOf(cache, () => other.kfreeNolock(object));
  expect(counts).toEqual({ DEFER_ADD: 1, DEFER_RAISE: 1 });
  other.poll();
});

test("an object of the cpu slab waits too while this CPU is in its section", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const cache = heap.cache("kmalloc-128");
  const [object] = cpu.take(128, 2) as [number];
  cpu.interruptSection(cpu.localLock(cache), () => {
    const counts = heap.countsOf(cache, () => cpu.kfreeNolock(object));
    expect(counts).toEqual({ DEFER_ADD: 1, DEFER_RAISE: 1 });
  });
  expect(heap.stat(cache, "DEFER_DRAINED"), "the section's end drains it").toBe(1);
});

test("NULL and ZERO_SIZE_PTR are freed for nothing; a large allocation is left alone", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const large = cpu.kmalloc(MIB);
  heap.fill(large, MIB, 0x5e);
  for (const object of [0, ZERO_SIZE_PTR, large]) cpu.kfreeNolock(object);
  expect(cpu.ksize(large)).toBe(MIB);
  cpu.kfree(large);
});

describe.each(BUILDS)("in the build %s", (build) => {
  test("either free takes objects of either allocation", () => {
    for (const defer of DEFER_ARMS) {
      const heap = new TestHeap({ build, defer });
      const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
      const allocations = [
        () => cpu.kmalloc(64),
        () => cpu.kmallocNolock(64),
        () => cpu.nmi(() => cpu.kmallocNolock(64)),
      ];
      for (const allocate of allocations) {
        cpu.kfree(allocate());
        cpu.kfreeNolock(allocate());
        other.kfree(allocate());
        other.kfreeNolock(allocate());
        other.nmi(() => other.kfreeNolock(allocate()));
      }
      cpu.barrier();
      for (const one of [cpu, other]) one.offline();
      const cache = heap.cache("kmalloc-64");
      const inuse = [...heap.view.slabs(cache.address)].map((slab) => slab.inuse);
      expect(
        inuse.every((count) => count === 0),
        `arm ${defer}: ${inuse}`,
      ).toBe(true);
    }
  });

  test.each(DEFER_ARMS)("arm %s: a double free is refused while the object waits", (defer) => {
    const heap = new TestHeap({ build, defer });
    const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
    const [object] = cpu.take(64, 1) as [number];
    expect(other.exports.kfree_nolock_checked(object)).toBe(0);
    const REFUSED_DOUBLE = 5;
    expect(other.exports.kfree_nolock_checked(object)).toBe(REFUSED_DOUBLE);
    expect(other.exports.kfree_checked(object)).toBe(REFUSED_DOUBLE);
    expect(other.nmi(() => other.exports.kfree_nolock_checked(object))).toBe(REFUSED_DOUBLE);
    other.barrier();
  });
});

test("a whole slab freed from an NMI by another CPU comes back, for every arm", () => {
  for (const defer of DEFER_ARMS) {
    const heap = new TestHeap({ defer });
    const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
    const cache = cpu.createCache("whole", 512);
    const objects = cpu.cacheTake(cache, 3 * cache.objects);
    other.nmi(() => {
      for (const object of objects) other.kfreeNolock(object);
    });
    expect(other.destroyCache(cache), `arm ${defer}`).toBe(0);
  }
});
