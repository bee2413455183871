/**
 * Goal: wherever a CPU dies in an operation that moves slabs, pages or objects between lists, the
 * heap is sound after it was reaped, and its number is good for another. Method: it dies at each
 * trace point of the operation; the machine does the same at each access (test/machine/reap).
 */
import { MERGED_ARM, VERSION_1_ARM } from "slablab/internal/heap/arms.js";
import { describe, expect, test } from "vitest";
import { rows } from "../support/tier.js";
import type { TestCpu } from "./support/cpu.js";
import { diesAtPoint, expectReaped, reap, reapExports } from "./support/death.js";
import { MIB, TestHeap, type TestHeapOptions } from "./support/heap.js";

const HEAP_RT = 1;
const HEAP_NO_CMPXCHG = 2;

interface Case {
  readonly name: string;
  readonly options?: TestHeapOptions;
  readonly prepare: (cpus: readonly TestCpu[]) => number[];
  readonly work: (cpu: TestCpu, objects: readonly number[]) => void;
}

const take = (cpus: readonly TestCpu[]) => (cpus[0] as TestCpu).take(2048, 20);

function freeAll(cpu: TestCpu, objects: readonly number[]): void {
  for (const object of objects) cpu.kfree(object);
}

/** Frees of all kinds, then allocations that use what they left, then drains. */
function mixed(cpu: TestCpu, objects: readonly number[]): void {
  objects.forEach((object, index) => {
    if (index % 3 === 0) cpu.kfreeNolock(object);
    else cpu.kfree(object);
  });
  freeAll(cpu, cpu.take(2048, 6));
  cpu.exports.poll();
  cpu.exports.defer_free_barrier();
}

const CASES: readonly Case[] = [
  ...([MERGED_ARM, VERSION_1_ARM, "node", "percpu-deactivate"] as const).map((defer) => ({
    ...{ name: `${defer}`, options: { defer }, prepare: take, work: mixed },
  })),
  { name: "direct", options: { defer: "direct" }, prepare: take, work: mixed },
  { name: "rt", options: { options: HEAP_RT }, prepare: take, work: mixed },
  { name: "no cmpxchg", options: { options: HEAP_NO_CMPXCHG }, prepare: take, work: mixed },
  {
    name: "two nodes",
    options: { nodes: 2, maximumBytes: 12 * MIB },
    prepare: take,
    work: mixed,
  },
  { name: "slab_debug", options: { slabDebug: "FZPU" }, prepare: take, work: mixed },
  {
    name: "shrink",
    prepare: (cpus) => {
      const objects = take(cpus);
      freeAll(cpus[1] as TestCpu, objects.slice(0, 15));
      return objects.slice(15);
    },
    work: (cpu) => cpu.exports.kmem_cache_shrink(cpu.heap.cache("kmalloc-2k").address),
  },
  {
    name: "destroy",
    prepare: (cpus) => {
      const [first, second] = cpus as [TestCpu, TestCpu];
      const cache = first.createCache("mine", 2000).address;
      const objects = cpus.flatMap((cpu) =>
        Array.from({ length: 9 }, () => cpu.exports.kmem_cache_alloc(cache, 0) >>> 0),
      );
      objects.forEach((object, index) => {
        (index % 2 === 0 ? first : second).exports.kmem_cache_free(cache, object);
      });
      return [cache];
    },
    work: (cpu, [cache = 0]) => cpu.exports.kmem_cache_destroy(cache),
  },
  {
    name: "offline",
    prepare: (cpus) => {
      const objects = take(cpus);
      freeAll(cpus[0] as TestCpu, objects.slice(0, 7));
      freeAll(cpus[1] as TestCpu, objects.slice(7, 12));
      (cpus[0] as TestCpu).exports.kfree_rcu(objects[12] ?? 0);
      return [];
    },
    work: (cpu) => cpu.exports.cpu_offline(),
  },
  {
    name: "a run of blocks",
    options: { maximumBytes: 24 * MIB },
    prepare: () => [],
    work: (cpu) => cpu.kfree(cpu.kmalloc(9 * MIB)),
  },
];

describe("a CPU that dies at any trace point is reaped", () => {
  const some = rows(CASES, ({ options }) => options?.defer === undefined);

  for (const { name, options, prepare, work } of some) {
    test(name, () => {
      let deaths = 0;
      for (let point = 0; ; point += point < 20 ? 1 : 5) {
        const heap = new TestHeap({ build: "trace", cpus: 2, maximumBytes: 4 * MIB, ...options });
        const cpus = heap.cpus();
        const objects = prepare(cpus);
        if (!diesAtPoint(heap, point, () => work(cpus[0] as TestCpu, objects))) break;
        deaths++;
        expectReaped(heap, cpus[1] as TestCpu, 0, `${name}, trace point ${point}`);
      }
      expect(deaths).toBeGreaterThan(3);
    });
  }
});

test("whoever dies in reaping is reaped with its victim", () => {
  let deaths = 0;
  for (let point = 0; ; point += 2) {
    const heap = new TestHeap({ build: "trace", cpus: 3, maximumBytes: 4 * MIB });
    const [first, second, third] = heap.cpus() as [TestCpu, TestCpu, TestCpu];
    const objects = first.take(2048, 20);
    expect(diesAtPoint(heap, 9, () => mixed(first, objects))).toBe(true);
    if (!diesAtPoint(heap, point, () => reap(second, 0))) break;
    deaths++;
    // The first is the victim of a CPU that is dead as far as only we know.
    expect(reap(third, 0)).toBe(0);
    expectReaped(heap, third, 1, `reaper at ${point}`);
    expect(reap(third, 0)).toBe(0);
    heap.cpu(0).exports.cpu_offline();
  }
  expect(deaths).toBeGreaterThan(3);
});

test("a chain of dead reapers is recovered at once, with what the first of them had", () => {
  const heap = new TestHeap({ build: "trace", cpus: 4, maximumBytes: 4 * MIB });
  const [first, second, third, fourth] = heap.cpus() as [TestCpu, TestCpu, TestCpu, TestCpu];
  const objects = first.take(2048, 20);
  expect(diesAtPoint(heap, 9, () => mixed(first, objects))).toBe(true);
  expect(diesAtPoint(heap, 3, () => reap(second, 0))).toBe(true);
  expect(diesAtPoint(heap, 5, () => reap(third, 1))).toBe(true);
  expect(reapExports(fourth).cpu_died(heap.base, 2)).toBe(1);
  expect(reapExports(fourth).cpu_reap_dead(0)).toBe(3);
  heap.expectSound();
  for (const cpu of [0, 1, 2]) heap.cpu(cpu).exports.cpu_offline();
});

test("CPUs that died together are recovered together", () => {
  const heap = new TestHeap({ build: "trace", cpus: 3, maximumBytes: 4 * MIB });
  const [first, , third] = heap.cpus() as [TestCpu, TestCpu, TestCpu];
  const objects = first.take(2048, 20);
  const { cpu_died, cpu_reap_dead, reap_blocker } = reapExports(third);
  expect(diesAtPoint(heap, 9, () => mixed(first, objects))).toBe(true);
  // A lock word that says that it had the lock when it died.
  const { slab_mutex } = heap.table.offsets.heap_header;
  new Int32Array(heap.memory.buffer)[(heap.base + slab_mutex) >>> 2] = 1 + 1;
  expect([0, 3].map((cpu) => cpu_died(heap.base, cpu))).toEqual([1, 0]);
  expect(reap_blocker(heap.base)).toBe(2);
  expect(cpu_died(heap.base, 1)).toBe(1);
  expect(reap_blocker(heap.base)).toBe(0);
  expect(cpu_reap_dead(0)).toBe(2);
  expect(cpu_reap_dead(0)).toBe(0);
  heap.expectSound();
  for (const cpu of [0, 1]) heap.cpu(cpu).exports.cpu_offline();
});

test("nobody reaps itself, a number that is free, or one that does not exist", () => {
  const heap = new TestHeap({ build: "trace", cpus: 2 });
  const cpu = heap.cpu(0);
  expect([0, 1, 2, -1].map((victim) => reap(cpu, victim))).toEqual([0, 0, 0, 0]);
  heap.cpu(1);
  cpu.exports.nmi_enter();
  expect(reap(cpu, 1)).toBe(0);
  cpu.exports.nmi_exit();
  expect(reap(cpu, 1)).toBe(1);
});
