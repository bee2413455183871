/**
 * Goal: the race that the kernel's author could not trigger "at all": a cpu slab appears while this
 * CPU was making another (retry_load_slab). Method: a constructor that allocates from its own
 * cache: its slab is installed first, and the outer call finds the place taken.
 */
import type { CacheView } from "slablab/internal/heap/view.js";
import { describe, expect, test } from "vitest";
import { listLock, type TestCpu, whileHeld } from "./support/cpu.js";
import { TestHeap } from "./support/heap.js";

interface Raced {
  readonly heap: TestHeap;
  readonly cpu: TestCpu;
  readonly cache: CacheView;
  /** What the constructor allocated. */
  readonly inner: number[];
  /** What the outer call allocated. */
  readonly outer: number;
}

/** One outer allocation by `allocate`, whose constructor allocates `count` objects. */
function race(
  allocate: (cpu: TestCpu, cache: CacheView) => number,
  count = 1,
  options: { mayWait?: boolean } = {},
): Raced {
  const heap = new TestHeap();
  const cpu = heap.cpu(0, options);
  const inner: number[] = [];
  let isNested = false;
  const ctor = () => {
    if (isNested) return;
    isNested = true;
    for (let left = count; left > 0; left--) inner.push(cpu.cacheAlloc(cache));
  };
  const cache = cpu.createCache("racing", 1024, { ctor });
  const outer = allocate(cpu, cache);
  expect([...inner, outer]).not.toContain(0);
  expect(new Set([...inner, outer]).size).toBe(count + 1);
  return { heap, cpu, cache, inner, outer };
}

const ordinary = (cpu: TestCpu, cache: CacheView) => cpu.cacheAlloc(cache);
const nolock = (cpu: TestCpu, cache: CacheView) => cpu.cacheAllocNolock(cache);

describe("CPUSLAB_FLUSH", () => {
  test("an ordinary call puts the slab that came in between away, and installs its own", () => {
    const { heap, cache, inner, outer } = race(ordinary);
    expect(heap.counts(cache)).toMatchObject({
      ALLOC_SLAB: 2,
      CPUSLAB_FLUSH: 1,
      DEACTIVATE_TO_HEAD: 1,
    });
    const { slab } = heap.view.cpuCache(0, cache.index);
    expect(slab).toBe(heap.slabAddressOf(outer));
    expect(heap.partialSlabs(cache)).toEqual([heap.slabAddressOf(inner[0] ?? 0)]);
  });

  test("a full slab that came in between is left to nobody: DEACTIVATE_FULL", () => {
    const objects = new TestHeap().cpu(0).createCache("probe", 1024, { ctor: () => {} }).objects;
    const { heap, cache, inner } = race(ordinary, objects);
    expect(heap.counts(cache)).toMatchObject({ CPUSLAB_FLUSH: 1, DEACTIVATE_FULL: 1 });
    expect(heap.partialSlabs(cache)).toEqual([]);
    expect(heap.slabOf(inner[0] ?? 0)).toMatchObject({ frozen: false, inuse: objects, in_hand: 0 });
  });

  test("a nolock call may not deactivate: it defers the slab, and irq_work puts it away", () => {
    const { heap, cpu, cache, inner } = race((cpu, cache) => cpu.nmi(() => nolock(cpu, cache)));
    expect(heap.counts(cache)).toMatchObject({
      CPUSLAB_FLUSH: 1,
      DEFER_SLAB: 1,
      DEFER_RAISE: 1,
      DEACTIVATE_TO_HEAD: 1,
    });
    expect(heap.view.cpu(cpu.id).defer_slabs).toBe(0);
    expect(heap.partialSlabs(cache)).toEqual([heap.slabAddressOf(inner[0] ?? 0)]);
  });

  test("until irq_work comes the deferred slab is frozen, in hand, and takes frees", () => {
    const heap = new TestHeap();
    const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
    const inner: number[] = [];
    const ctor = () => {
      if (inner.length > 0) return;
      inner.push(0, 0);
      inner.splice(0, 2, cpu.cacheAlloc(cache), cpu.cacheAlloc(cache));
    };
    const cache = cpu.createCache("racing", 1024, { ctor });
    // The interrupted section keeps irq_work away until it ends.
    const lock = listLock(heap, heap.cache("kmalloc-8"));
    cpu.interruptSection(lock, () => {
      cpu.cacheAllocNolock(cache);
      const [first = 0] = inner;
      expect(heap.slabOf(first)).toMatchObject({ frozen: true, in_hand: 1 });
      expect(heap.slabOf(first).flush_freelist).not.toBe(0);
      const counts = heap.countsOf(cache, () => other.kfree(first));
      expect(counts).toEqual({ FREE_SLOWPATH: 1, FREE_FROZEN: 1 });
    });
    expect(heap.counts(cache)).toMatchObject({
      DEACTIVATE_REMOTE_FREES: 1,
      DEACTIVATE_TO_TAIL: 1,
    });
    expect(heap.view.cpu(0).defer_slabs).toBe(0);
  });
});

test("a deactivation that misses list_lock defers the slab, and nothing is lost", () => {
  // CPU 1 holds list_lock and stands still; this CPU may not wait for it.
  const alloc = (cpu: TestCpu, cache: CacheView) =>
    whileHeld(cpu.heap, listLock(cpu.heap, cache), 1, () => cpu.cacheAlloc(cache));
  const { heap, cpu, cache, inner } = race(alloc, 1, { mayWait: false });
  expect(heap.counts(cache)).toMatchObject({ CPUSLAB_FLUSH: 1, DEFER_SLAB: 1, DEFER_RAISE: 1 });
  expect(heap.view.cpu(0).defer_slabs).not.toBe(0);
  // At the next safe point this CPU keeps the slab for itself.
  cpu.poll();
  expect(heap.view.cpu(0).defer_slabs).toBe(0);
  expect(heap.partialSlabs(cache)).toEqual([]);
  expect(heap.cpuPartialSlabs(cache, 0)).toEqual([heap.slabAddressOf(inner[0] ?? 0)]);
  for (const object of inner) cpu.kfree(object);
});

test("a constructor that fills many slabs before the outer call goes on loses none of them", () => {
  const { heap, cpu, cache, inner, outer } = race(ordinary, 100);
  for (const object of [...inner, outer]) cpu.kfree(object);
  expect(cpu.destroyCache(cache)).toBe(0);
  heap.expectSound();
});
