/**
 * Goal: what became of every nolock call is counted once, by where its object came from or went to,
 * or by what kept it from one. Method: each outcome is made to happen on purpose; then calls at
 * random, of which the counters have to sum up to as many as were made.
 */
import { HEAP_NO_CMPXCHG } from "slablab/internal/heap/constants.js";
import { expect, test } from "vitest";
import { listLock, whileHeld } from "./support/cpu.js";
import type { Counts } from "./support/counters.js";
import { MIB, TestHeap, type TestHeapOptions } from "./support/heap.js";
import { CAPACITY, SIZE, sheafScene } from "./support/sheaves.js";

/** The next bucket has objects of 2048. */
function scene(options: TestHeapOptions = {}) {
  const { heap, here, elsewhere, cache } = sheafScene(options);
  const next = heap.cache("kmalloc-2k");
  const sheafLock =
    heap.view.cpuCache(here.id, cache.index).address + heap.table.offsets.kmem_cache_cpu.sheaf_lock;
  const barnLock = heap.view.header().node_barns + cache.index * 64;
  return { heap, here, elsewhere, cache, next, sheafLock, barnLock };
}

/** The counters of outcomes alone. */
function outcomes(counts: Counts): Counts {
  const names = Object.entries(counts).filter(([name]) => OUTCOME.test(name));
  return Object.fromEntries(names);
}

const OUTCOME =
  /^NOLOCK_(ALLOC|FREE)_(MAIN|SPARE|BARN|SLAB)$|^NOLOCK_NULL_|^NOLOCK_RETRY$|^DEFER_ADD$/;

test("an allocation: from main, from spare, from the barn, then from a slab", () => {
  const { heap, here, elsewhere, cache } = scene();
  // Two sheaves of this CPU, one of the barn, by way of the other CPU's frees.
  const objects = here.take(SIZE, 6 * CAPACITY);
  for (const object of objects.splice(0, 4 * CAPACITY)) elsewhere.kfree(object);
  for (const object of objects.splice(0, 2 * CAPACITY)) here.kfree(object);
  const seen = new Set<string>();
  const taken: number[] = [];
  const order: string[] = [];
  for (let count = 0; count < 6 * CAPACITY; count++) {
    const counts = outcomes(heap.countsOf(cache, () => taken.push(here.kmallocNolock(SIZE))));
    const [name = "none", ...rest] = Object.keys(counts);
    expect(rest, "one outcome a call").toEqual([]);
    if (!seen.has(name)) order.push(name);
    seen.add(name);
  }
  const from = (place: string) => `NOLOCK_ALLOC_${place}`;
  expect(order).toEqual([from("MAIN"), from("SPARE"), from("BARN"), from("SLAB")]);
  expect(taken).not.toContain(0);
  for (const object of taken) here.kfree(object);
});

test("a free: to main, to spare, to the barn, then deferred; to a slab by the arm direct", () => {
  const { heap, here, cache } = scene();
  const objects = here.take(SIZE, 12 * CAPACITY);
  // Empty sheaves: two of this CPU and one of the barn.
  for (const object of objects.splice(0, 4 * CAPACITY)) here.kfree(object);
  objects.push(...here.take(SIZE, 4 * CAPACITY));
  const order: string[] = [];
  for (const object of objects) {
    const counts = outcomes(heap.countsOf(cache, () => here.kfreeNolock(object)));
    const [name = "none", ...rest] = Object.keys(counts);
    expect(rest, "one outcome a call").toEqual([]);
    if (!order.includes(name)) order.push(name);
  }
  const to = (place: string) => `NOLOCK_FREE_${place}`;
  expect(new Set(order)).toEqual(
    new Set([to("MAIN"), to("SPARE"), to("BARN"), to("SLAB"), "DEFER_ADD"]),
  );
  here.barrier();
});

test("NULL by a lock of this CPU, of its sheaves or its slab, and the next bucket", () => {
  const { heap, here, cache, next, sheafLock } = scene();
  const counts = heap.countsOf(cache, () => {
    const object = here.interruptSection(here.localLock(cache), () => here.kmallocNolock(SIZE));
    expect(here.ksize(object)).toBe(2 * SIZE);
    here.kfree(object);
  });
  expect(outcomes(counts)).toEqual({ NOLOCK_NULL_LOCK: 1, NOLOCK_RETRY: 1 });
  expect(outcomes(heap.counts(next))).toEqual({ NOLOCK_ALLOC_SLAB: 1 });
  // The sheaf's lock is what was missed first, although list_lock was, too.
  const both = heap.countsOf(cache, () => {
    const object = whileHeld(heap, sheafLock, here.id, () =>
      here.interruptSection(here.localLock(cache), () => here.kmallocNolock(SIZE)),
    );
    here.kfree(object);
  });
  expect(outcomes(both)).toEqual({ NOLOCK_NULL_LOCK: 1, NOLOCK_RETRY: 1 });
});

/** A heap without a page and with a few objects of 64 bytes: for sheaves. */
function lastOnes() {
  const all = scene({ maximumBytes: 4 * MIB });
  const { heap, here, next } = all;
  const [kept = 0, ...forSheaves] = here.take(64, 32);
  const small = here.take(SIZE, 8 * CAPACITY);
  const others = [8 * SIZE, 2 * SIZE, SIZE].flatMap((size) => here.takeAll(size));
  const objects = [...small, ...others];
  for (const object of forSheaves) here.kfree(object);
  here.exports.kmem_cache_shrink(heap.cache("kmalloc-64").address);
  expect(outcomes(heap.counts(next))).toEqual({});
  return { ...all, small, objects: [kept, ...objects] };
}

test("NULL by pages: every lock was to be had", () => {
  const { heap, here, cache, next, objects } = lastOnes();
  const counts = heap.countsOf(cache, () => expect(here.kmallocNolock(SIZE)).toBe(0));
  expect(outcomes(counts)).toEqual({ NOLOCK_NULL_PAGES: 1, NOLOCK_RETRY: 1 });
  expect(outcomes(heap.counts(next))).toEqual({ NOLOCK_NULL_PAGES: 1 });
  for (const object of objects) here.kfree(object);
});

test("NULL by the barn: it has a full sheaf, whose lock is held", () => {
  const { heap, here, elsewhere, cache, barnLock, small, objects } = lastOnes();
  const freed = small.slice(0, 3 * CAPACITY);
  for (const object of freed) elsewhere.kfree(object);
  const counts = heap.countsOf(cache, () =>
    whileHeld(heap, barnLock, elsewhere.id, () => here.kmallocNolock(SIZE)),
  );
  expect(outcomes(counts)).toMatchObject({ NOLOCK_NULL_BARN: 1, NOLOCK_RETRY: 1 });
  for (const object of objects) if (!freed.includes(object)) here.kfree(object);
});

test("NULL by list_lock: there is a partial slab, whose lock is held", () => {
  const { heap, here, elsewhere, cache, small, objects } = lastOnes();
  // Every other one: their slabs become partial, and go onto their node's list.
  const freed = small.slice(0, 6 * CAPACITY).filter((_, index) => index % 2 === 0);
  for (const object of freed) elsewhere.kfree(object);
  elsewhere.exports.kmem_cache_shrink(cache.address);
  expect(heap.view.node(cache.index, 0).nr_partial, "partial slabs").toBeGreaterThan(0);
  const counts = heap.countsOf(cache, () =>
    whileHeld(heap, listLock(heap, cache), elsewhere.id, () => here.kmallocNolock(SIZE)),
  );
  expect(outcomes(counts)).toMatchObject({ NOLOCK_NULL_LIST_LOCK: 1, NOLOCK_RETRY: 1 });
  for (const object of objects) if (!freed.includes(object)) here.kfree(object);
});

test("NULL of a memory control group without room", () => {
  const { heap, here } = scene();
  const group = here.memcgCreate("small", 1);
  here.memcgSet(group);
  const account = 2;
  const taken: number[] = [];
  let object = here.kmallocNolock(SIZE, account);
  for (; object !== 0; object = here.kmallocNolock(SIZE, account)) taken.push(object);
  const cache = heap.cache("kmalloc-cg-1k");
  expect(outcomes(heap.counts(cache))).toMatchObject({ NOLOCK_NULL_CHARGE: 1 });
  for (const each of taken) here.kfree(each);
  here.memcgSet(0);
  here.memcgDestroy(group);
});

test("the next bucket is asked whether a nolock call may touch it, too", () => {
  // Plain caches without cmpxchg are changed under a lock; those with slab_debug are not.
  const heap = new TestHeap({
    build: "debug",
    slabDebug: "F,kmalloc-64",
    options: HEAP_NO_CMPXCHG,
  });
  const cpu = heap.cpu();
  const [debugged, plain] = [heap.cache("kmalloc-64"), heap.cache("kmalloc-96")];
  const object = cpu.interruptSection(cpu.localLock(debugged), () => cpu.kmallocNolock(64));
  expect(object).toBe(0);
  expect(outcomes(heap.counts(plain))).toEqual({ NOLOCK_NULL_REFUSED: 1 });
});

test("calls at random: as many outcomes as calls", () => {
  const { heap, here, elsewhere } = scene({ maximumBytes: 4 * MIB });
  const caches = ["kmalloc-64", "kmalloc-96"].map((name) => heap.cache(name));
  let seed = 1;
  const below = (limit: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return (seed >>> 16) % limit;
  };
  const objects: number[] = [];
  const calls = { allocs: 0, nulls: 0, frees: 0 };
  for (let step = 0; step < 20_000; step++) {
    const cpu = below(2) === 0 ? here : elsewhere;
    // More comes than goes for a while, and then the other way round.
    const isAlloc = below(100) < (step % 8000 < 4000 ? 65 : 35);
    const isNolock = below(2) === 0;
    if (isAlloc) {
      const object = isNolock ? cpu.kmallocNolock(64) : cpu.kmalloc(64);
      if (isNolock) calls.allocs++;
      if (object !== 0) objects.push(object);
      else if (isNolock) calls.nulls++;
    } else if (objects.length > 0) {
      const [object = 0] = objects.splice(below(objects.length), 1);
      if (isNolock) cpu.nmi(() => cpu.kfreeNolock(object));
      else cpu.kfree(object);
      if (isNolock) calls.frees++;
    }
  }
  const all = caches.map((cache) => heap.counts(cache));
  const sum = (pattern: RegExp) =>
    all
      .flatMap(Object.entries)
      .reduce((total, [name, n]) => (pattern.test(name) ? total + n : total), 0);
  expect(sum(/^NOLOCK_ALLOC_(MAIN|SPARE|BARN|SLAB)$/)).toBe(calls.allocs - calls.nulls);
  expect(sum(/^NOLOCK_NULL_/)).toBe(calls.nulls + sum(/^NOLOCK_RETRY$/));
  expect(sum(/^NOLOCK_FREE_(MAIN|SPARE|BARN|SLAB)$|^DEFER_ADD$/)).toBe(calls.frees);
  for (const object of objects) here.kfree(object);
});
