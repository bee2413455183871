/**
 * lockdep: each kind of wrong locking is seen, and right locking is not.
 *
 * Nothing in the allocator locks wrongly, so the wrong state is planted: into the stack of held
 * locks, or into the context while a lock is held. That right code is quiet is checked after every
 * test of the builds "debug" and "trace" (support/heap.ts).
 */
import { lockdepReport, lockName } from "slablab/internal/heap/lockdep-report.js";
import { describe, expect, test } from "vitest";
import { listLock, type TestCpu } from "./support/cpu.js";
import { eventNumber } from "./support/events.js";
import { TestHeap } from "./support/heap.js";

const NOLOCK = 1 << 20;

function scene(build: "debug" | "trace" = "debug") {
  const heap = new TestHeap({ build });
  const [cpu, other] = heap.cpus() as [TestCpu, TestCpu];
  const cache = cpu.createCache("t", 1024);
  const { CPU_HELD_LOCKS, MAX_HELD_LOCKS } = heap.table.allConstants as Record<string, number>;
  const at = cpu.area + (CPU_HELD_LOCKS ?? 0);
  const plant = (...locks: number[]) => {
    heap.setU32(at, locks.length);
    locks.forEach((lock, index) => {
      heap.setU32(at + 4 + index * 4, lock);
    });
  };
  /** Make the cpu take its node's list_lock and wait for it if need be. */
  const takeListLock = () => {
    const objects = cpu.cacheTake(cache, 2 * cache.objects);
    for (const object of objects) other.kfree(object);
    cpu.exports.kmem_cache_shrink(cache.address);
  };
  const { base } = heap;
  const { slab_mutex } = heap.table.offsets.heap_header;
  const zone = base + heap.table.constants.ZONES + heap.table.offsets.zone.lock;
  const locks = { list: listLock(heap, cache), mutex: base + slab_mutex, zone };
  const found = () => {
    const all = heap.lockdep.splice(0);
    return [...new Set(all.map(({ kind }) => kind))];
  };
  return { heap, cpu, other, cache, plant, takeListLock, locks, found, max: MAX_HELD_LOCKS ?? 0 };
}

describe("a lock that is waited for", () => {
  test("after one that nests inside it: possible circular locking", () => {
    const { heap, plant, takeListLock, locks, found } = scene();
    plant(locks.zone);
    takeListLock();
    expect(heap.lockdep[0]).toMatchObject({ held: locks.zone });
    expect(found()).toContain(eventNumber("LOCKDEP_CIRCULAR"));
    plant();
  });

  test("by its own holder: possible recursive locking", () => {
    const { plant, takeListLock, locks, found } = scene();
    plant(locks.list);
    takeListLock();
    expect(found()).toContain(eventNumber("LOCKDEP_RECURSIVE"));
    plant();
  });

  test("beneath one that it nests in is right", () => {
    const { plant, takeListLock, locks, found } = scene();
    plant(locks.mutex);
    takeListLock();
    expect(found()).toEqual([]);
    plant();
  });

  test("in a nolock call", () => {
    const { heap, cpu, takeListLock, found } = scene("trace");
    const held = eventNumber("TRACE_HELD");
    let planted = false;
    heap.onTrace = (event) => {
      if (event !== held || planted) return;
      planted = true;
      heap.setU32(cpu.area, heap.u32(cpu.area) + NOLOCK);
    };
    takeListLock();
    expect(found()).toContain(eventNumber("LOCKDEP_NOLOCK_WAITS"));
    heap.onTrace = undefined;
    cpu.exports.set_preempt_count(0);
  });
});

test("a lock that is released but not held", () => {
  const { heap, plant, takeListLock, found } = scene("trace");
  const held = eventNumber("TRACE_HELD");
  let planted = false;
  heap.onTrace = (event) => {
    if (event !== held || planted) return;
    planted = true;
    plant();
  };
  takeListLock();
  expect(found()).toEqual([eventNumber("LOCKDEP_UNBALANCED")]);
});

test("local_lock_irqsave_check(): a nolock allocation inside the section of its own cache", () => {
  const { cpu, cache, plant, found } = scene();
  plant(cpu.localLock(cache));
  cpu.cacheAllocNolock(cache);
  expect(found()).toContain(eventNumber("LOCKDEP_HELD"));
  plant();
});

test("more locks than the order has classes", () => {
  const { cpu, cache, plant, found, max } = scene();
  plant(...Array.from({ length: max }, () => 4));
  cpu.cacheAlloc(cache);
  expect(found()).toContain(eventNumber("LOCKDEP_TOO_DEEP"));
  plant();
});

test("the report names locks as the kernel spells them", () => {
  const { heap, cpu, cache, locks } = scene();
  const text = lockdepReport(heap.view, {
    cpu: cpu.id,
    kind: eventNumber("LOCKDEP_CIRCULAR"),
    lock: locks.list,
    held: cpu.localLock(cache),
  });
  expect(text).toContain("WARNING: possible circular locking dependency detected");
  expect(text).toMatch(/cpu 0 is trying to acquire lock:\n0x\w+ \(&n->list_lock, t node 0\)/);
  expect(text).toMatch(/already holds:\n0x\w+ \(&s->cpu_slab->lock, t cpu 0\)/);
  const name = (lock: number) => lockName(heap.view, lock);
  expect(name(locks.mutex)).toBe("slab_mutex");
  expect(name(locks.zone)).toBe("&zone->lock, node 0");
  const { pcp_lock } = heap.table.offsets.cpu_area;
  expect(name(cpu.area + pcp_lock)).toBe("&pcp->lock, cpu 0");
  const [object = 0] = cpu.cacheTake(cache, 1);
  const slab = heap.slabOf(object);
  expect(name(slab.address + heap.table.offsets.page.lock)).toBe(`slab_lock of page ${slab.pfn}`);
});

test("every kind has a heading", () => {
  const { heap } = scene();
  for (const kind of ["CIRCULAR", "RECURSIVE", "NOLOCK_WAITS", "UNBALANCED", "HELD", "TOO_DEEP"]) {
    const number = eventNumber(`LOCKDEP_${kind}`);
    const text = lockdepReport(heap.view, { cpu: 0, kind: number, lock: 4, held: 0 });
    expect(text).not.toContain("finding");
  }
});
