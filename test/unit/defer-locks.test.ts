/**
 * Goal: whoever may not wait for list_lock loses nothing: objects and slabs wait once more and are
 * put in their place later. Method: CPU 2 "holds" list_lock, written into the lock word by hand,
 * and stands still, while the others go on in contexts that may not wait.
 */
import { armRow, DEFER_ARMS } from "slablab/internal/heap/arms.js";
import type { CacheView } from "slablab/internal/heap/view.js";
import { describe, expect, test } from "vitest";
import { listLock, type TestCpu, whileHeld } from "./support/cpu.js";
import { TestHeap, type TestHeapOptions } from "./support/heap.js";
import { placeOf, waitingObjects, waitingSlabs } from "./support/waiting.js";

const HOLDER = 2;

interface Scene {
  readonly heap: TestHeap;
  readonly here: TestCpu;
  readonly elsewhere: TestCpu;
  readonly cache: CacheView;
  readonly lock: number;
  /** The only objects in use of slabs on CPU 1's partial list: freeing one needs list_lock. */
  readonly last: readonly number[];
}

function makeScene(options: TestHeapOptions, mayWait = true): Scene {
  const heap = new TestHeap({ cpus: 3, ...options });
  const [here, elsewhere] = [heap.cpu(0, { mayWait }), heap.cpu(1)];
  const cache = here.createCache("contended", 1024);
  const objects = here.cacheTake(cache, 3 * cache.objects);
  here.cacheTake(cache, 1);
  const last = objects.filter((_, index) => index % cache.objects === 0);
  for (const object of objects) if (!last.includes(object)) elsewhere.kfree(object);
  expect(heap.cpuPartialSlabs(cache, 1).length).toBe(3);
  return { heap, here, elsewhere, cache, lock: listLock(heap, cache), last };
}

/** Run `work` in a constructor on `cpu`: task code that may not wait. */
function inConstructor(cpu: TestCpu, work: () => void): void {
  let left = 1;
  const ctor = () => {
    if (left-- > 0) work();
  };
  cpu.cacheAlloc(cpu.createCache("context", 2048, { ctor }));
}

describe("DEFER_REQUEUE", () => {
  test("irq_work that misses list_lock lets the object wait for the next safe point", () => {
    const { heap, here, cache, lock, last } = makeScene({ defer: "irq-work" });
    const [object = 0] = last;
    inConstructor(here, () => {
      whileHeld(heap, lock, HOLDER, () => {
        const counts = heap.countsOf(cache, () => here.nmi(() => here.kfreeNolock(object)));
        expect(counts).toMatchObject({
          DEFER_ADD: 1,
          DEFER_RAISE: 2,
          DEFER_DRAIN_IRQ_WORK: 1,
          DEFER_REQUEUE: 1,
        });
        expect(waitingObjects(heap, cache)).toEqual({ "cpu 0": [object] });
        expect(heap.slabOf(object).inuse).toBe(1);
      });
    });
    // Leaving the constructor's call ended sections: the lock was free, the object went home.
    here.poll();
    expect(waitingObjects(heap, cache)).toEqual({});
    expect(heap.slabOf(object).inuse).toBe(0);
    expect(heap.stat(cache, "DEFER_REQUEUE")).toBe(1);
  });

  test("a whole list is tried once a safe point, and never for ever", () => {
    const { heap, here, cache, lock, last } = makeScene({ defer: "irq-work" }, false);
    whileHeld(heap, lock, HOLDER, () => {
      here.nmi(() => {
        for (const object of last) here.kfreeNolock(object);
      });
      expect(heap.stat(cache, "DEFER_REQUEUE")).toBe(last.length);
      here.poll();
      expect(heap.stat(cache, "DEFER_REQUEUE")).toBe(2 * last.length);
      expect(new Set(waitingObjects(heap, cache)["cpu 0"])).toEqual(new Set(last));
    });
    here.poll();
    expect(waitingObjects(heap, cache)).toEqual({});
  });

  test.each(DEFER_ARMS.filter((arm) => arm !== "none"))(
    "arm %s: a drain that misses the lock puts the object back on the arm's own list",
    (defer) => {
      const { heap, here, cache, lock, last } = makeScene({ defer }, false);
      const [object = 0] = last;
      here.kfreeNolock(object);
      whileHeld(heap, lock, HOLDER, () => here.barrier());
      expect(waitingObjects(heap, cache)).toEqual({ [placeOf(armRow(defer), 0)]: [object] });
      expect(heap.stat(cache, "DEFER_REQUEUE")).toBe(1);
      here.barrier();
      expect(waitingObjects(heap, cache)).toEqual({});
      expect(heap.slabOf(object).inuse).toBe(0);
    },
  );
});

describe("a CPU that may not wait", () => {
  test.each(DEFER_ARMS)("arm %s: an ordinary free that misses list_lock is deferred", (defer) => {
    const { heap, here, cache, lock, last } = makeScene({ defer }, false);
    whileHeld(heap, lock, HOLDER, () => {
      for (const object of last) here.kfree(object);
    });
    const place = placeOf(armRow(defer), 0) || "cpu 0";
    expect(new Set(waitingObjects(heap, cache)[place])).toEqual(new Set(last));
    here.barrier();
    expect(last.map((object) => heap.slabOf(object).inuse)).toEqual([0, 0, 0]);
  });

  test("a nolock allocation that misses list_lock makes a new slab instead of waiting", () => {
    const { heap, here, elsewhere, cache, lock } = makeScene({ defer: "irq-work" });
    elsewhere.offline();
    expect(heap.nrPartial(cache)).toBe(3);
    here.cacheTake(cache, cache.objects - 1);
    const counts = heap.countsOf(cache, () =>
      whileHeld(heap, lock, HOLDER, () => here.nmi(() => here.cacheAllocNolock(cache))),
    );
    expect(counts).toMatchObject({ ALLOC_SLOWPATH: 1, ALLOC_SLAB: 1 });
    here.cacheTake(cache, cache.objects - 1);
    expect(heap.countsOf(cache, () => here.cacheTake(cache, 1))).toMatchObject({
      ALLOC_FROM_PARTIAL: 1,
    });
  });

  test("percpu partial slabs that cannot be handed over stay with it and go the next time", () => {
    const heap = new TestHeap({ cpus: 3 });
    const here = heap.cpu(0, { mayWait: false });
    const cache = heap.cache("kmalloc-8k");
    const objects = here.take(8192, 24);
    here.take(8192, 1);
    const firsts = objects.filter((_, index) => index % 4 === 0);
    for (const object of firsts.slice(0, 3)) here.kfree(object);
    const lock = listLock(heap, cache);
    whileHeld(heap, lock, HOLDER, () => here.kfree(firsts[3] ?? 0));
    expect(heap.cpuPartialSlabs(cache, 0).length).toBe(4);
    expect(heap.nrPartial(cache)).toBe(0);
    here.kfree(firsts[4] ?? 0);
    expect(heap.cpuPartialSlabs(cache, 0).length).toBe(1);
    expect(heap.nrPartial(cache)).toBe(4);
  });

  test("page frees that miss the zone's lock are deferred, and the memory comes back", () => {
    const heap = new TestHeap({ cpus: 3, maximumBytes: 8 * 2 ** 20, initialBytes: 8 * 2 ** 20 });
    const before = heap.freeBlocks();
    const here = heap.cpu(0, { mayWait: false });
    const [large = 0, other = 0] = here.take(2 ** 20, 2);
    const lock = heap.view.zone(0).address + heap.table.offsets.zone.lock;
    whileHeld(heap, lock, HOLDER, () => here.kfree(large));
    expect(heap.view.zone(0).deferred).not.toBe(0);
    here.kfree(other);
    here.offline();
    expect(heap.freeBlocks()).toEqual(before);
  });
});

test("arm direct: a slab whose listing misses list_lock waits again and is listed later", () => {
  const heap = new TestHeap({ cpus: 3, defer: "direct" });
  const here = heap.cpu(0, { mayWait: false });
  const cache = heap.cache("kmalloc-8k");
  const objects = here.take(8192, 24);
  here.take(8192, 1);
  const firsts = objects.filter((_, index) => index % 4 === 0);
  whileHeld(heap, listLock(heap, cache), HOLDER, () => {
    for (const object of firsts) here.nmi(() => here.kfreeNolock(object));
  });
  // irq_work keeps slabs on the CPU's own list where it may not hand them to the node.
  const places = [
    ...heap.cpuPartialSlabs(cache, 0),
    ...waitingSlabs(heap, 0),
    ...heap.partialSlabs(cache),
  ];
  expect(new Set(places).size).toBe(firsts.length);
  here.poll();
  expect(waitingSlabs(heap, 0)).toEqual([]);
});
