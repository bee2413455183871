/**
 * Goal: kmalloc_nolock() succeeds or says no at once, wherever it is called from. Method: nothing
 * in the product calls back while a local lock is held, so the interrupted section is made by hand
 * (TestCpu.interruptSection); everything else is reached by real re-entry, from constructors and
 * in NMIs, one inside the other.
 */
import type { CacheView } from "slablab/internal/heap/view.js";
import { describe, expect, test } from "vitest";
import { GFP_ZERO, type TestCpu, ZERO_SIZE_PTR } from "./support/cpu.js";
import { type Build, BUILDS, MIB, TestHeap } from "./support/heap.js";

/** The buckets in order of size: a busy one goes to its neighbour. */
const SIZES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];
const nameOf = (size: number) => `kmalloc-${size < 1024 ? size : `${size / 1024}k`}`;

/** Interrupt this CPU in its sections of all `caches` at once. */
function interruptAll<T>(cpu: TestCpu, caches: readonly CacheView[], work: () => T): T {
  const [first, ...rest] = caches;
  if (first === undefined) return work();
  return cpu.interruptSection(cpu.localLock(first), () => interruptAll(cpu, rest, work));
}

describe("NOLOCK_BUSY_FIRST", () => {
  test.each(SIZES.slice(0, -1))("a busy bucket of %i bytes goes to the next larger one", (size) => {
    const heap = new TestHeap();
    const cpu = heap.cpu(0);
    const busy = heap.cache(nameOf(size));
    const nextSize = SIZES[SIZES.indexOf(size) + 1] ?? 0;
    const next = heap.cache(nameOf(nextSize));
    const object = cpu.interruptSection(cpu.localLock(busy), () => cpu.kmallocNolock(size));
    expect(cpu.ksize(object)).toBe(nextSize);
    const counts = { NOLOCK_BUSY_FIRST: 1, NOLOCK_NULL_LOCK: 1, NOLOCK_RETRY: 1 };
    expect(heap.counts(busy)).toEqual(counts);
    expect(heap.counts(next)).toMatchObject({ NOLOCK_ALLOC_SLOWPATH: 1, ALLOC_SLAB: 1 });
    cpu.kfree(object);
  });

  test("8192 has no next bucket: a busy one yields 0", () => {
    const heap = new TestHeap();
    const cpu = heap.cpu(0);
    const busy = heap.cache("kmalloc-8k");
    const found = cpu.interruptSection(cpu.localLock(busy), () =>
      [4097, 8192].map((size) => cpu.kmallocNolock(size)),
    );
    expect(found).toEqual([0, 0]);
    const counts = { NOLOCK_BUSY_FIRST: 2, NOLOCK_NULL: 2, NOLOCK_NULL_LOCK: 2 };
    expect(heap.counts(busy)).toEqual(counts);
  });
});

test("NOLOCK_BUSY_SECOND: two busy buckets yield 0, a third is not tried", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const [first, second, third] = ["kmalloc-64", "kmalloc-96", "kmalloc-128"].map((name) =>
    heap.cache(name),
  ) as [CacheView, CacheView, CacheView];
  const found = interruptAll(cpu, [first, second], () => cpu.kmallocNolock(64));
  expect(found).toBe(0);
  const retried = { NOLOCK_BUSY_FIRST: 1, NOLOCK_NULL_LOCK: 1, NOLOCK_RETRY: 1 };
  expect(heap.counts(first)).toEqual(retried);
  const refused = { NOLOCK_BUSY_SECOND: 1, NOLOCK_NULL: 1, NOLOCK_NULL_LOCK: 1 };
  expect(heap.counts(second)).toEqual(refused);
  expect(heap.counts(third)).toEqual({});
});

test("a section of another CPU makes no bucket busy here", () => {
  const heap = new TestHeap();
  const [cpu, other] = [heap.cpu(0), heap.cpu(1)];
  const cache = heap.cache("kmalloc-64");
  const object = other.interruptSection(other.localLock(cache), () => cpu.kmallocNolock(64));
  expect(cpu.ksize(object)).toBe(64);
  expect(heap.counts(cache, 0)["NOLOCK_BUSY_FIRST"]).toBeUndefined();
});

test("the busy check is made outside NMIs too: a probe in the section falls into no hole", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const cache = heap.cache("kmalloc-64");
  const [held] = cpu.take(64, 1) as [number];
  const lock = cpu.localLock(cache);
  heap.setU32(lock, cpu.id + 1);
  expect(cpu.ksize(cpu.kmallocNolock(64))).toBe(96);
  const before = heap.view.cpuCache(0, cache.index);
  cpu.kfreeNolock(held);
  expect(heap.view.cpuCache(0, cache.index)).toEqual(before);
  heap.setU32(lock, 0);
  cpu.poll();
  expect(heap.stat(cache, "DEFER_DRAINED")).toBe(1);
});

test("the cache of kmem_cache_alloc_nolock() has no next: busy yields 0", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const cache = cpu.createCache("single", 64);
  const busy = cpu.interruptSection(cpu.localLock(cache), () => [
    cpu.cacheAllocNolock(cache),
    cpu.cacheAlloc(cache),
  ]);
  expect(busy).toEqual([0, 0]);
  expect(cpu.nmi(() => cpu.cacheAllocNolock(cache))).not.toBe(0);
});

test.each([64, 128, 256])(
  "aligned_alloc(%i) keeps its promise when the bucket is busy",
  (align) => {
    const heap = new TestHeap();
    const cpu = heap.cpu(0);
    const busy = heap.cache(nameOf(align));
    const objects = cpu.interruptSection(cpu.localLock(busy), () =>
      Array.from({ length: 8 }, () => cpu.alignedAlloc(align, align)),
    );
    expect(objects.filter((object) => object % align !== 0)).toEqual([]);
  },
);

describe.each<Build>(BUILDS)("in the build %s", (build) => {
  test("0 gives ZERO_SIZE_PTR, more than 8192 gives 0 and touches no page", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    expect(cpu.kmallocNolock(0)).toBe(ZERO_SIZE_PTR);
    const free = heap.freePages();
    for (const size of [8193, 65536, 5 * MIB, 0xffff_ffff]) {
      expect(cpu.kmallocNolock(size), `size ${size}`).toBe(0);
      expect(
        cpu.nmi(() => cpu.kmallocNolock(size)),
        `size ${size} in an NMI`,
      ).toBe(0);
    }
    expect(heap.freePages()).toBe(free);
    expect(cpu.kmallocNolock(8192)).not.toBe(0);
  });

  test("__GFP_ZERO is honoured after dirty reuse, on the fast path and on the slow one", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    const isZero = (object: number, bytes: number) =>
      heap.bytes.subarray(object, object + bytes).every((byte) => byte === 0);
    const slab = cpu.take(512, 40);
    for (const object of slab) heap.fill(object, 512, 0xdd);
    for (const object of slab) cpu.kfree(object);
    const reused = Array.from({ length: 40 }, () =>
      cpu.nmi(() => cpu.kmallocNolock(500, GFP_ZERO)),
    );
    expect(reused.every((object) => object !== 0 && isZero(object, 500))).toBe(true);
  });

  test("an NMI in an NMI allocates, and frees what the outer one allocated", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    const [kept, inner] = cpu.nmi(() => {
      const outer = [cpu.kmallocNolock(64), cpu.kmallocNolock(64)] as const;
      const fromInner = cpu.nmi(() => {
        cpu.kfreeNolock(outer[0]);
        return cpu.kmallocNolock(64);
      });
      return [outer[1], fromInner];
    });
    expect(new Set([0, kept, inner]).size).toBe(3);
    cpu.kfree(kept);
    cpu.kfree(inner);
    expect(cpu.exports.preempt_count()).toBe(0);
  });

  test("an NMI in the section of a bucket leaves that bucket alone, depth 2 too", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    const cache = heap.cache("kmalloc-64");
    const [held] = cpu.take(64, 3) as [number, number, number];
    const before = heap.view.cpuCache(0, cache.index);
    const taken = cpu.interruptSection(cpu.localLock(cache), () => {
      const outer = cpu.kmallocNolock(64);
      cpu.kfreeNolock(held);
      const inner = cpu.nmi(() => cpu.kmallocNolock(64));
      const now = heap.view.cpuCache(0, cache.index);
      expect(now).toEqual({ ...before, lock: 1 });
      return [outer, inner];
    });
    expect(taken.map((object) => cpu.ksize(object))).toEqual([96, 96]);
  });

  test("an allocation from a constructor is served, from other caches and from its own", () => {
    const heap = new TestHeap({ build });
    const cpu = heap.cpu(0);
    const taken: number[] = [];
    let depth = 0;
    const ctor = () => {
      if (depth > 0 || taken.length >= 6) return;
      depth++;
      taken.push(cpu.kmalloc(64), cpu.kmallocNolock(64), cpu.cacheAlloc(heap.cache("nesting")));
      depth--;
    };
    const cache = cpu.createCache("nesting", 256, { ctor });
    taken.push(...cpu.cacheTake(cache, 2));
    expect(taken).not.toContain(0);
    expect(new Set(taken).size).toBe(taken.length);
    for (const object of taken) cpu.kfree(object);
  });
});

describe("outside a plain task ordinary calls are their nolock twins:", () => {
  const contexts: readonly [string, (cpu: TestCpu, work: () => void) => void][] = [
    ["an NMI", (cpu, work) => cpu.nmi(work)],
    ["an interrupt", (cpu, work) => cpu.irq(work)],
    ["an NMI in an interrupt", (cpu, work) => cpu.irq(() => cpu.nmi(work))],
    [
      "a constructor",
      (cpu, work) => {
        let left = 1;
        const ctor = () => {
          if (left-- > 0) work();
        };
        cpu.cacheAlloc(cpu.createCache("context", 2048, { ctor }));
      },
    ],
  ];

  test.each(contexts)("in %s kmalloc() and kfree() count as nolock", (_, run) => {
    const heap = new TestHeap();
    const cpu = heap.cpu(0);
    const cache = heap.cache("kmalloc-256");
    const [elsewhere] = cpu.take(256, cache.objects + 1) as [number];
    const counts = heap.countsOf(cache, () => {
      run(cpu, () => {
        const object = cpu.kmalloc(256);
        cpu.kfree(object);
        cpu.kfree(elsewhere);
      });
    });
    expect(counts).toMatchObject({
      NOLOCK_ALLOC_FASTPATH: 1,
      NOLOCK_FREE_FASTPATH: 1,
      DEFER_ADD: 1,
    });
    expect(counts).not.toHaveProperty("ALLOC_FASTPATH");
    expect(counts).not.toHaveProperty("FREE_FASTPATH");
    cpu.poll();
  });

  test.each(contexts)("in %s no large allocation is given", (_, run) => {
    const cpu = new TestHeap().cpu(0);
    const found: number[] = [];
    run(cpu, () => {
      found.push(cpu.kmalloc(8193), cpu.kmalloc(5 * MIB), cpu.kmalloc(8193, GFP_ZERO));
    });
    expect(found).toEqual([0, 0, 0]);
  });

  test.each(contexts)("in %s the memory does not grow, and the wish for it is noted", (_, run) => {
    const heap = new TestHeap({ maximumBytes: 8 * MIB });
    const cpu = heap.cpu(0);
    // No page left, but room to grow; the constructor's own slab was made before.
    const end = () => heap.view.u32(heap.base + heap.table.offsets.heap_header.end_pfn);
    let refused = -1;
    run(cpu, () => {
      const before = end();
      for (let left = 10_000; left > 0 && refused !== 0; left--) refused = cpu.kmalloc(4096);
      expect(end()).toBe(before);
    });
    expect(refused).toBe(0);
    const before = end();
    cpu.poll();
    expect(end(), "poll() serves the wish").toBeGreaterThan(before);
    expect(
      cpu.nmi(() => cpu.kmalloc(4096)),
      "the next nolock caller finds it",
    ).not.toBe(0);
  });
});

test("NOLOCK_NULL is counted for every refusal, and only then", () => {
  const heap = new TestHeap({ maximumBytes: 2 * MIB, initialBytes: 2 * MIB });
  const cpu = heap.cpu(0);
  const cache = heap.cache("kmalloc-2k");
  const taken: number[] = [];
  for (let object = -1; object !== 0; ) {
    object = cpu.kmallocNolock(2048);
    if (object !== 0) taken.push(object);
  }
  expect(heap.stat(cache, "NOLOCK_NULL")).toBe(1);
  const calls = ["NOLOCK_ALLOC_FASTPATH", "NOLOCK_ALLOC_SLOWPATH"].map((c) => heap.stat(cache, c));
  expect(calls.reduce((sum, count) => sum + count, 0)).toBe(taken.length + 1);
  for (const object of taken) cpu.kfreeNolock(object);
  cpu.poll();
  expect(cpu.kmallocNolock(2048)).not.toBe(0);
});
