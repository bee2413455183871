/**
 * PREEMPT_RT: local locks owned by tasks, no lockless fast path, nolock refused where a sleeping
 * lock is impossible. Kernel: include/linux/local_lock_internal.h, mm/slub.c with PREEMPT_RT.
 */
import { Worker } from "node:worker_threads";
import { DEFER_ARMS } from "slablab/internal/heap/arms.js";
import { describe, expect, test } from "vitest";
import { eventNumber, HEAP_RT } from "./support/events.js";
import { type Build, TestHeap, type TestHeapOptions } from "./support/heap.js";

function scene(options: TestHeapOptions = {}) {
  const heap = new TestHeap({ options: HEAP_RT, ...options });
  const cpu = heap.cpu(0);
  const cache = cpu.createCache("t", 64);
  const current = cpu.area + heap.table.offsets.cpu_area.current;
  return { heap, cpu, cache, current, lock: cpu.localLock(cache) };
}

describe("without a lockless fast path (USE_LOCKLESS_FAST_PATH)", () => {
  test("every allocation takes the slow path, every free the local lock", () => {
    const { heap, cpu, cache } = scene();
    const counts = heap.countsOf(cache, () => {
      for (const object of cpu.cacheTake(cache, 10)) cpu.kfree(object);
    });
    expect(counts).toMatchObject({ ALLOC_SLOWPATH: 10, FREE_FASTPATH: 10 });
    expect(counts).not.toHaveProperty("ALLOC_FASTPATH");
  });

  test("kmalloc() and kfree() pass the local lock each time", () => {
    const { heap, cpu } = scene({ build: "trace" });
    const lock = cpu.localLock(heap.cache("kmalloc-64"));
    cpu.kfree(cpu.kmalloc(64));
    let held = 0;
    heap.onTrace = (event, at) => {
      if (event === eventNumber("TRACE_UNLOCK") && at === lock) held++;
    };
    cpu.kfree(cpu.kmalloc(64));
    expect(held).toBe(2);
  });

  test.each<Build>(["release", "stats", "debug", "trace", "model"])("works in %s", (build) => {
    const { cpu } = scene({ build });
    const objects = [8, 64, 500, 8192, 20000].flatMap((size) => cpu.take(size, 40));
    expect(new Set(objects).size).toBe(objects.length);
    for (const object of objects) cpu.kfree(object);
  });
});

describe("kmalloc_nolock() on RT", () => {
  test("returns NULL at once in NMI and in irq, and works in a task", () => {
    const { heap, cpu } = scene();
    const bucket = heap.cache("kmalloc-64");
    expect(cpu.nmi(() => cpu.kmallocNolock(64))).toBe(0);
    expect(cpu.irq(() => cpu.kmallocNolock(64))).toBe(0);
    expect(heap.stat(bucket, "NOLOCK_NULL")).toBe(2);
    expect(heap.stat(bucket, "NOLOCK_BUSY_FIRST")).toBe(0);
    expect(cpu.kmallocNolock(64)).not.toBe(0);
  });

  test("99a3e3a1cfc9: any atomic context, not only NMI and hardirq", () => {
    const { cpu } = scene();
    cpu.exports.preempt_disable();
    expect(cpu.kmallocNolock(64)).toBe(0);
    cpu.exports.preempt_enable();
    expect(cpu.kmallocNolock(64)).not.toBe(0);
  });

  test("5b31044e649e has no like here: a trylock fails with one CPU too", () => {
    const heap = new TestHeap({ cpus: 1 });
    const cpu = heap.cpu(0);
    const cache = cpu.createCache("t", 64);
    const { address } = heap.view.node(cache.index, 0);
    const lock = address + heap.table.offsets.kmem_cache_node.list_lock;
    const objects = cpu.cacheTake(cache, 2 * cache.objects);
    for (const object of objects) cpu.kfree(object);
    cpu.interruptSection(lock, () => {
      // The interrupted code holds list_lock: what needs it must not believe that it got it.
      for (let i = 0; i < 3 * cache.objects; i++) cpu.cacheAllocNolock(cache);
    });
  });

  test("a tracepoint in the section of its own bucket gets the next bucket", () => {
    const { heap, cpu } = scene({ build: "trace" });
    const cache = heap.cache("kmalloc-64");
    const lock = cpu.localLock(cache);
    const got: number[] = [];
    heap.onTrace = (event, at) => {
      if (event !== eventNumber("TRACE_HELD") || at !== lock || got.length > 0) return;
      got.push(0);
      got[0] = cpu.kmallocNolock(64);
    };
    cpu.kmalloc(64);
    heap.onTrace = undefined;
    expect(heap.stat(cache, "NOLOCK_BUSY_FIRST")).toBe(1);
    expect(cpu.ksize(got[0] ?? 0)).toBe(96);
  });
});

describe("local_lock_is_locked() on RT", () => {
  test("is not true for a lock that another task of this CPU owns: the caller sleeps", async () => {
    const { heap, cpu, cache, lock } = scene();
    cpu.cacheTake(cache, 1);
    // A task was preempted inside the section; this one finds the lock and waits for it.
    heap.setU32(lock, 77);
    const release = releaseLater(heap.memory, lock);
    await release.ready;
    const object = cpu.exports.kmem_cache_alloc_nolock(cache.address, 0, -1) >>> 0;
    expect(object).not.toBe(0);
    expect(heap.stat(cache, "NOLOCK_NULL")).toBe(0);
    await release.worker.terminate();
  });

  test("is true for the task that owns it, whichever CPU number it has", () => {
    const { heap, cpu, cache, lock, current } = scene();
    heap.setU32(current, 77);
    heap.setU32(lock, 77);
    expect(cpu.cacheAllocNolock(cache)).toBe(0);
    heap.setU32(lock, 0);
    heap.setU32(current, 1);
  });
});

describe.each(DEFER_ARMS.filter((arm) => arm !== "none"))("kfree_nolock() in arm %s", (defer) => {
  test("in NMI nothing is freed that needs the local lock; later everything is", () => {
    const { heap, cpu, cache } = scene({ defer });
    const objects = cpu.cacheTake(cache, 10);
    cpu.nmi(() => {
      for (const object of objects) cpu.kfreeNolock(object);
    });
    expect(heap.stat(cache, "NOLOCK_FREE_FASTPATH")).toBe(0);
    cpu.barrier();
    cpu.exports.kmem_cache_shrink(cache.address);
    expect(heap.slabCount(cache)).toBe(0);
  });
});

/** A thread that stands for the preempted task: it leaves the section after a while. */
function releaseLater(memory: WebAssembly.Memory, lock: number) {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const words = new Int32Array(workerData.memory.buffer);
    parentPort.postMessage("ready");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
    Atomics.store(words, workerData.lock / 4, 0);
    Atomics.notify(words, workerData.lock / 4);
  `;
  const worker = new Worker(code, { eval: true, workerData: { memory, lock } });
  const ready = new Promise((resolve) => worker.once("message", resolve));
  return { worker, ready };
}
