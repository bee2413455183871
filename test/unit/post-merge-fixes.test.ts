/**
 * The fixes that kmalloc_nolock() got after it was merged (Linux 6.18 and later): each has a test
 * that fails without it. Those here have no better place; docs/kernel-map.md says where the
 * others are.
 */
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { TestHeap } from "./support/heap.js";
import { waitingObjects } from "./support/waiting.js";

const GFP_ACCOUNT = 2;

describe("d6306a3d5577: preemption disabled in defer_free()", () => {
  test("a task that is moved before it adds raises the work where the object waits", () => {
    const heap = new TestHeap({ cpus: 3, defer: "irq-work" });
    const [cpu, other, owner] = heap.cpus() as [TestCpu, TestCpu, TestCpu];
    const cache = owner.createCache("t", 64);
    const [object = 0] = owner.cacheTake(cache, cache.objects);
    const pending = (of: TestCpu) =>
      heap.u32(of.area + heap.table.offsets.cpu_area.irq_pending) !== 0;
    cpu.nmi(() => {
      cpu.exports.migrate_next_defer(other.id);
      cpu.kfreeNolock(object);
      expect(waitingObjects(heap, cache)).toEqual({ [`cpu ${other.id}`]: [object] });
      expect([pending(cpu), pending(other)]).toEqual([false, true]);
    });
    // The CPU that has the list runs it; the one that added has nothing to run.
    cpu.poll();
    expect(waitingObjects(heap, cache)).toEqual({ [`cpu ${other.id}`]: [object] });
    other.poll();
    expect(waitingObjects(heap, cache)).toEqual({});
  });
});

describe("charging from kmalloc_nolock()", () => {
  function scene() {
    const heap = new TestHeap();
    const cpu = heap.cpu();
    const group = cpu.memcgCreate("g", 1000);
    expect(cpu.memcgSet(group)).toBe(true);
    return { heap, cpu, group };
  }

  test("__GFP_NO_OBJ_EXT: a charged slab needs no allocation that could recurse", () => {
    const { heap, cpu } = scene();
    const allocations = () =>
      [...heap.view.caches()].map((cache) => heap.stat(cache, "NOLOCK_ALLOC_SLOWPATH"));
    const before = allocations();
    const object = cpu.nmi(() => cpu.kmallocNolock(64, GFP_ACCOUNT));
    expect(heap.memcg(heap.view.header().memcg_table + 64).objectBytes).toBe(68);
    // One slow allocation, of one cache: nothing was allocated to write the charge down.
    const moved = allocations().map((count, index) => count - (before[index] ?? 0));
    expect(moved.filter((count) => count !== 0)).toEqual([1]);
    cpu.kfree(object);
  });

  test("objcg put (June 2026): the last discharge, in NMI, takes no group away", () => {
    const { heap, cpu, group } = scene();
    const object = cpu.kmalloc(64, GFP_ACCOUNT);
    cpu.memcgSet(0);
    cpu.nmi(() => cpu.kfreeNolock(object));
    expect(heap.memcg(group).objectBytes).toBe(0);
    expect(cpu.memcgSet(group), "it is still there").toBe(true);
    cpu.memcgSet(0);
    // It goes when a task says so.
    const { generation } = heap.memcg(group);
    expect(cpu.exports.memcg_destroy(group, generation)).toBeTruthy();
    expect(cpu.memcgSet(group)).toBe(false);
  });
});
