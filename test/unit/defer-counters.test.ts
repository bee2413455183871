/**
 * Goal: the deferral counters say what happened, because the experiment's conclusions are drawn
 * from them. Method: known numbers of deferrals, moves and operations, and exact counts after.
 */
import { armRow, DEFER_ARMS } from "slablab/internal/heap/arms.js";
import { describe, expect, test } from "vitest";
import type { TestCpu } from "./support/cpu.js";
import { TestHeap, type TestHeapOptions } from "./support/heap.js";
import { waitingObjects } from "./support/waiting.js";

const PERCPU_ARMS = DEFER_ARMS.filter((arm) => arm.startsWith("percpu-"));
const IRQ_WORK_ARMS = ["irq-work", "direct"] as const;

/** A heap whose CPU 0 owns `count` objects in full slabs that no CPU has as its cpu slab. */
function fullSlabs(options: TestHeapOptions, slabCount: number) {
  const heap = new TestHeap(options);
  const cpus = heap.cpus();
  const [here, elsewhere] = cpus as [TestCpu, TestCpu];
  const cache = here.createCache("counted", 1024);
  const objects = here.cacheTake(cache, slabCount * cache.objects);
  here.cacheTake(cache, 1);
  return { heap, here, elsewhere, cache, objects };
}

describe("DEFER_RAISE", () => {
  test("is counted on the empty-to-non-empty edge only", () => {
    const { heap, here, cache, objects } = fullSlabs({ defer: "irq-work" }, 2);
    for (const object of objects.slice(0, 10)) here.kfreeNolock(object);
    expect(heap.counts(cache)).toMatchObject({ DEFER_ADD: 10, DEFER_RAISE: 1 });
    expect(heap.view.cpu(0).irq_pending).toBe(1);
    here.poll();
    expect(heap.view.cpu(0).irq_pending).toBe(0);
    here.kfreeNolock(objects[10] ?? 0);
    expect(heap.stat(cache, "DEFER_RAISE")).toBe(2);
    here.poll();
  });

  test("is once per NMI, however many objects the NMI frees", () => {
    const { heap, here, cache, objects } = fullSlabs({ defer: "irq-work" }, 2);
    for (let burst = 0; burst < 5; burst++) {
      here.nmi(() => {
        for (const object of objects.slice(burst * 4, burst * 4 + 4)) here.kfreeNolock(object);
      });
    }
    expect(heap.counts(cache)).toMatchObject({
      DEFER_ADD: 20,
      DEFER_RAISE: 5,
      DEFER_DRAIN_IRQ_WORK: 5,
      DEFER_DRAINED: 20,
    });
  });

  test.each(DEFER_ARMS.filter((arm) => armRow(arm).trigger !== "irq work" || arm === "none"))(
    "is never counted by the arm %s: nothing is raised",
    (defer) => {
      const { heap, here, cache, objects } = fullSlabs({ defer }, 1);
      for (const object of objects) here.kfreeNolock(object);
      expect(heap.stat(cache, "DEFER_RAISE")).toBe(0);
      expect(heap.view.cpu(0).irq_pending).toBe(0);
      here.barrier();
    },
  );
});

describe("irq_work", () => {
  test("runs when the outermost NMI or interrupt ends, not before", () => {
    const { heap, here, cache, objects } = fullSlabs({ defer: "irq-work" }, 1);
    const drained = () => heap.stat(cache, "DEFER_DRAINED");
    const freeInNmi = (object = 0) => here.nmi(() => here.kfreeNolock(object));
    here.nmi(() => {
      freeInNmi(objects[0]);
      expect(drained(), "after the inner NMI").toBe(0);
    });
    expect(drained(), "after the outer NMI").toBe(1);
    here.irq(() => {
      freeInNmi(objects[1]);
      expect(drained(), "after an NMI in an interrupt").toBe(1);
    });
    expect(drained(), "after the interrupt").toBe(2);
  });

  test("waits for the outermost section that an NMI came into", () => {
    const { heap, here, cache, objects } = fullSlabs({ defer: "irq-work" }, 1);
    const [inner, outer] = [heap.cache("kmalloc-8"), heap.cache("kmalloc-16")];
    here.interruptSection(here.localLock(outer), () => {
      here.interruptSection(here.localLock(inner), () => here.kfreeNolock(objects[0] ?? 0));
      expect(heap.stat(cache, "DEFER_DRAINED"), "in the outer section").toBe(0);
    });
    expect(heap.stat(cache, "DEFER_DRAINED"), "outside both").toBe(1);
  });
});

describe("DEFER_ADD_REMOTE", () => {
  test.each([...PERCPU_ARMS, "irq-work"] as const)(
    "arm %s: a moved task adds elsewhere",
    (defer) => {
      const { heap, here, elsewhere, cache, objects } = fullSlabs({ defer }, 1);
      const [moved = 0, stayed = 0] = objects;
      here.exports.migrate_next_defer(elsewhere.id);
      here.kfreeNolock(moved);
      here.kfreeNolock(stayed);
      const suffix = defer === "irq-work" ? "" : " of the cache";
      expect(waitingObjects(heap, cache)).toEqual({
        [`cpu 1${suffix}`]: [moved],
        [`cpu 0${suffix}`]: [stayed],
      });
      expect(heap.counts(cache, 0)).toMatchObject({ DEFER_ADD: 2, DEFER_ADD_REMOTE: 1 });
      elsewhere.barrier();
    },
  );

  test("list and raise move together: the other CPU's safe point drains", () => {
    const { heap, here, elsewhere, cache, objects } = fullSlabs({ defer: "irq-work" }, 1);
    here.exports.migrate_next_defer(elsewhere.id);
    here.kfreeNolock(objects[0] ?? 0);
    expect([0, 1].map((cpu) => heap.view.cpu(cpu).irq_pending)).toEqual([0, 1]);
    here.poll();
    expect(heap.stat(cache, "DEFER_DRAINED")).toBe(0);
    elsewhere.nmi(() => {});
    expect(heap.counts(cache, 1)).toMatchObject({ DEFER_DRAIN_IRQ_WORK: 1, DEFER_DRAINED: 1 });
  });

  test("is not counted for a move to the CPU itself", () => {
    const { heap, here, cache, objects } = fullSlabs({ defer: "irq-work" }, 1);
    here.exports.migrate_next_defer(here.id);
    here.kfreeNolock(objects[0] ?? 0);
    expect(heap.stat(cache, "DEFER_ADD_REMOTE")).toBe(0);
    here.poll();
  });
});

test.each(IRQ_WORK_ARMS)("arm %s: what is drained equals what was deferred", (defer) => {
  const { heap, here, elsewhere, cache, objects } = fullSlabs({ defer }, 6);
  objects.forEach((object, index) => {
    const cpu = index % 3 === 0 ? here : elsewhere;
    cpu.nmi(() => cpu.kfreeNolock(object));
  });
  const added = heap.stat(cache, "DEFER_ADD");
  expect(heap.stat(cache, "DEFER_DRAINED")).toBe(added);
  expect(added + heap.stat(cache, "DEFER_DIRECT_FREE")).toBe(objects.length);
});

test("DEFER_HIGH_WATER is the longest list seen at a drain", () => {
  const { heap, here, cache, objects } = fullSlabs({ defer: "irq-work" }, 2);
  let at = 0;
  for (const length of [3, 7, 2, 5]) {
    for (const object of objects.slice(at, at + length)) here.kfreeNolock(object);
    at += length;
    here.poll();
  }
  expect(heap.stat(cache, "DEFER_HIGH_WATER", 0)).toBe(7);
});

test("the histogram counts drained lists by the power of two of their length", () => {
  const { heap, here, objects } = fullSlabs({ defer: "irq-work" }, 4);
  let at = 0;
  for (const length of [1, 1, 2, 3, 4, 7, 8, 15, 16]) {
    for (const object of objects.slice(at, at + length)) here.kfreeNolock(object);
    at += length;
    here.poll();
  }
  const field = heap.table.fields.find(({ name }) => name === "defer_lengths");
  const lengths = Array.from({ length: 6 }, (_, bucket) =>
    heap.view.u64(here.area + (field?.offset ?? 0) + bucket * 8),
  );
  expect(lengths).toEqual([2, 2, 2, 2, 1, 0]);
});

test.each(DEFER_ARMS.filter((arm) => !["nowhere", "slab"].includes(armRow(arm).place)))(
  "arm %s: DEFER_MAX_AGE counts operations of all CPUs",
  (defer) => {
    const { heap, here, elsewhere, cache, objects } = fullSlabs({ defer }, 2);
    elsewhere.kmalloc(64);
    here.kfreeNolock(objects[0] ?? 0);
    // 40 operations of CPU 1 and 20 of CPU 0, none of which drains; later deferrals age nothing.
    for (let round = 0; round < 20; round++) {
      elsewhere.kfree(elsewhere.kmalloc(64));
      here.kfreeNolock(objects[1 + round] ?? 0);
    }
    here.barrier();
    expect(heap.stat(cache, "DEFER_MAX_AGE", 0)).toBe(60);
    expect(heap.stat(cache, "DEFER_HIGH_WATER", 0)).toBe(21);
  },
);

test("DEFER_LOOK_EMPTY is what the arms that check on slow frees pay for nothing", () => {
  for (const defer of DEFER_ARMS) {
    const { heap, here, cache, objects } = fullSlabs({ defer }, 1);
    for (const object of objects.slice(0, 5)) here.kfree(object);
    const isChecking = armRow(defer).trigger === "slow free";
    expect(heap.stat(cache, "DEFER_LOOK_EMPTY"), `arm ${defer}`).toBe(isChecking ? 5 : 0);
  }
});

test("frees that drain count as slow frees of the CPU that drains", () => {
  const { heap, here, elsewhere, cache, objects } = fullSlabs({ defer: "global" }, 1);
  const [first = 0, second = 0, third = 0] = objects;
  elsewhere.kfreeNolock(first);
  elsewhere.kfreeNolock(second);
  const counts = heap.countsOf(cache, () => here.kfree(third), 0);
  expect(counts).toMatchObject({ FREE_SLOWPATH: 3, DEFER_DRAINED: 2, DEFER_DRAIN_SLOW_FREE: 1 });
});
