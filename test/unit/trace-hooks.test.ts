/**
 * Goal: onTrace tells what happens in order, and a handler that calls back, or throws, harms
 * nothing. Method: known operations on a heap of the build trace; then validate().
 */
import * as events from "slablab/internal/heap/trace-events.js";
import {
  __GFP_ZERO,
  type Cpu,
  createHeap,
  type Heap,
  type OnTrace,
  type TraceEvent,
} from "slablab";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { numbersIn, readSource } from "./support/counters.js";

let heap: Heap;
let cpu: Cpu;
let seen: TraceEvent[];
let handler: OnTrace;

beforeEach(async () => {
  heap = await createHeap({ cpus: 2, maximumBytes: 2 ** 24, build: "trace", percpu: "slab" });
  seen = [];
  handler = (event) => void seen.push(event);
  cpu = heap.cpu(0, { onTrace: (event) => handler(event) });
});

afterEach(() => {
  expect(heap.validate()).toEqual([]);
});

/** What `work` passed, locks left out. */
function eventsOf(work: () => void): TraceEvent[] {
  seen = [];
  work();
  return seen.filter(({ event }) => event !== "held" && event !== "unlock");
}

test("the numbers of the trace points are those of assembly/sync/trace.ts", () => {
  const theirs = Object.fromEntries(numbersIn(readSource("assembly/sync/trace.ts")));
  expect({ ...events }).toEqual(theirs);
});

describe("events in order", () => {
  test("kmalloc and kfree, with a new slab before the first object", () => {
    let p = 0;
    const got = eventsOf(() => {
      p = cpu.kmalloc(100, __GFP_ZERO);
      cpu.kfree(p);
      cpu.kfree(0);
    });
    expect(got).toEqual([
      {
        ...{ event: "slab_alloc", cpu: 0, slab: expect.any(Number), cache: "kmalloc-128" },
        ...{ cacheAddress: expect.any(Number), order: 0 },
      },
      { event: "kmalloc", cpu: 0, address: p, size: 100, flags: __GFP_ZERO },
      { event: "kfree", cpu: 0, address: p },
      { event: "kfree", cpu: 0, address: 0 },
    ]);
  });

  test("kmem_cache_alloc and kmem_cache_free name their cache", () => {
    const cache = cpu.kmemCacheCreate({ name: "dentry", size: 192 });
    let object = 0;
    const got = eventsOf(() => {
      object = cache.alloc();
      cache.free(object);
    });
    expect(got.map(({ event }) => event)).toEqual(["slab_alloc", "kmem_cache_alloc", "kfree"]);
    expect(got[1]).toEqual({
      ...{ event: "kmem_cache_alloc", cpu: 0, address: object, cache: "dentry", flags: 0 },
      cacheAddress: expect.any(Number),
    });
    expect(cache.destroy().released).toBe(true);
    expect(seen.some(({ event }) => event === "slab_free")).toBe(true);
  });

  test("kmalloc_nolock and kfree_nolock say nothing, as in the kernel", () => {
    cpu.kfree(cpu.kmalloc(64));
    expect(eventsOf(() => cpu.kfreeNolock(cpu.kmallocNolock(64)))).toEqual([]);
  });

  test("a nolock free to another slab is deferred, and drained when the NMI ends", () => {
    const first = [...cpu.kmallocBulk(2048, 100)];
    const k2 = expect.any(Number);
    const got = eventsOf(() => cpu.nmi(() => cpu.kfreeNolock(first[0] as number)));
    expect(got).toEqual([
      { event: "defer", cpu: 0, address: first[0], cache: "kmalloc-2k", cacheAddress: k2 },
      {
        ...{ event: "drain", cpu: 0, objects: 1, cache: "kmalloc-2k" },
        trigger: "DEFER_DRAIN_IRQ_WORK",
        cacheAddress: k2,
      },
    ]);
    cpu.kfreeBulk(first.slice(1));
  });

  test("every lock that is held is unlocked", () => {
    eventsOf(() => cpu.kfreeBulk(cpu.kmallocBulk(1024, 200)));
    const unlocked = seen.filter(({ event }) => event === "unlock").length;
    const held = seen.filter(({ event }) => event === "held").length;
    expect(unlocked).toBeGreaterThan(10);
    expect(held).toBe(2 * unlocked);
  });

  test("a CPU without a handler tells nobody, and one that is no function is refused", () => {
    const other = heap.cpu();
    expect(eventsOf(() => other.kfree(other.kmalloc(64)))).toEqual([]);
    other.offline();
    expect(() => heap.cpu(1, { onTrace: 5 as never })).toThrow(TypeError);
    expect(heap.cpu(1).droppedEvents).toBe(0);
  });
});

describe("handlers that call back", () => {
  test("with kmallocNolock and kfreeNolock at every trace point, and each call still ends", () => {
    const kept: number[] = [];
    handler = () => {
      const p = cpu.kmallocNolock(64);
      if (p === 0) return;
      cpu.bytes(p, 64).fill(kept.length);
      kept.push(p);
      if (kept.length > 20) cpu.kfreeNolock(kept.shift() as number);
    };
    for (let round = 0; round < 50; round++) {
      const objects = cpu.kmallocBulk(64, 30);
      expect([...objects].filter((object) => kept.includes(object))).toEqual([]);
      cpu.kfreeBulk(objects);
    }
    expect(kept.length).toBe(20);
    expect(new Set(kept).size).toBe(20);
    handler = () => {};
    cpu.kfreeBulk(kept);
  });

  test("are not entered again while they run; what they miss is counted", () => {
    let depth = 0;
    let deepest = 0;
    handler = () => {
      deepest = Math.max(deepest, ++depth);
      cpu.kfreeNolock(cpu.kmallocNolock(512));
      depth--;
    };
    cpu.kfreeBulk(cpu.kmallocBulk(256, 100));
    expect(deepest).toBe(1);
    expect(cpu.droppedEvents).toBeGreaterThan(0);
  });

  test("cannot do what only a task can", () => {
    const errors: unknown[] = [];
    handler = () => {
      try {
        cpu.offline();
      } catch (error) {
        errors.push(error);
      }
    };
    cpu.kfree(cpu.kmalloc(64));
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expect(String(error)).toMatch(/handlers of trace points/);
    handler = () => {};
  });
});

describe("handlers that throw", () => {
  const error = new Error("in the handler");
  const throwAt = (name: string) => {
    handler = ({ event }) => {
      if (event === name) throw error;
    };
  };

  test.each([
    ["kmalloc", () => cpu.kmalloc(64)],
    ["slab_alloc", () => cpu.kmalloc(512)],
    ["held", () => cpu.kmallocBulk(96, 50)],
    ["unlock", () => cpu.kmallocNolock(192)],
  ] as const)("at %s: the call throws the same, and what it allocated is free", (name, call) => {
    throwAt(name);
    expect(call).toThrow(error);
    handler = () => {};
    expect(cpu.exports.preempt_count()).toBe(0);
    cpu.exports.defer_free_barrier();
    expect(activeObjects()).toBe(0);
  });

  test("in a cache's calls, and the cache goes on", () => {
    const cache = cpu.kmemCacheCreate({ name: "throws", size: 64 });
    throwAt("kmem_cache_alloc");
    expect(() => cache.alloc()).toThrow(error);
    handler = () => {};
    expect(cache.alloc()).not.toBe(0);
    throwAt("unlock");
    expect(() => cache.shrink()).toThrow(error);
    handler = () => {};
    expect(cache.destroy().remaining).toBe(1);
  });

  test("only the first error of a call is thrown, and none by a later call", () => {
    let count = 0;
    handler = () => {
      throw new Error(`number ${count++}`);
    };
    expect(() => cpu.kfreeBulk(cpu.kmallocBulk(64, 10))).toThrow("number 0");
    handler = () => {};
    cpu.kfree(cpu.kmalloc(8));
    throwAt("kmalloc");
    const p = cpu.exports.kmalloc(64, 0);
    handler = () => {};
    cpu.kfree(p);
  });

  test("undefined may be thrown too, and calls from inside nmi() leave it to nmi()", () => {
    handler = ({ event }) => {
      if (event === "defer") throw undefined;
    };
    const objects = [...cpu.kmallocBulk(2048, 40)];
    let inside = false;
    let thrown: unknown = "nothing";
    try {
      cpu.nmi(() => {
        cpu.kfreeNolock(objects[0] as number);
        inside = true;
      });
    } catch (error) {
      thrown = error;
    }
    expect([inside, thrown]).toEqual([true, undefined]);
    handler = () => {};
    cpu.kfreeBulk(objects.slice(1));
  });

  /** Objects in use, those on freelists of CPUs not counted. */
  function activeObjects(): number {
    cpu.offline();
    return heap.slabinfo().reduce((sum, { active_objs }) => sum + active_objs, 0);
  }
});
