/**
 * Goal: "I could not look" is never taken for "there is nothing", by a CPU that may not sleep above
 * all: its memory follows the live data, and it gets 0 only when memory is out. Method: another CPU
 * holds a lock until it was found held a number of times, and what it guards looks as it does in
 * the middle of a section; then memory is counted.
 */
import type { Field } from "slablab/internal/heap/fields.js";
import { describe, expect, test } from "vitest";
import { listLock, type TestCpu, whileHeld } from "./support/cpu.js";
import { heldFor } from "./support/held.js";
import { MIB, TestHeap, type TestHeapOptions } from "./support/heap.js";

/** More looks than a bounded number of tries would make. */
const MANY = 600;
const BLOCK = 70_000;

interface Scene {
  readonly heap: TestHeap;
  /** It may not wait. */
  readonly cpu: TestCpu;
  readonly other: TestCpu;
  readonly grows: () => number;
  readonly wish: () => number;
  readonly zoneLock: number;
}

function makeScene(options: TestHeapOptions = {}): Scene {
  const heap = new TestHeap({ build: "trace", cpus: 3, maximumBytes: 64 * MIB, ...options });
  const [cpu, other] = [heap.cpu(0, { mayWait: false }), heap.cpu(1)];
  const { zone } = heap.table.offsets;
  const word = (name: string) => {
    const isWanted = ({ struct, name: other }: Field) => struct === "heap_header" && other === name;
    const { offset } = heap.table.fields.find(isWanted) ?? {};
    expect(offset, name).toBeGreaterThan(0);
    return () => heap.u32(heap.base + (offset ?? 0));
  };
  return {
    ...{ heap, cpu, other, grows: word("grows"), wish: word("grow_request") },
    zoneLock: heap.view.zone(0).address + zone.lock,
  };
}

/** A block is free; in the middle of a section the zone's mask says that none is. */
function heldZone<T>({ heap, zoneLock }: Scene, times: number, work: () => T): T {
  const mask = heap.view.zone(0).address + heap.table.offsets.zone.free_mask;
  const before = heap.u32(mask);
  heap.setU32(mask, 0);
  return heldFor(heap, zoneLock, times, work, { onRelease: () => heap.setU32(mask, before) });
}

describe("memory does not grow while what is wanted is free", () => {
  test.each([
    { what: "a block", size: BLOCK, times: 3 },
    { what: "a block, at long last", size: BLOCK, times: MANY },
    { what: "a run of blocks", size: 5 * MIB, times: 3 },
    { what: "a run of blocks, at long last", size: 5 * MIB, times: MANY },
    { what: "a page for a slab", size: 2048, times: 3 },
  ])("$what, with the zone's lock missed $times times", ({ size, times }) => {
    const scene = makeScene({ initialBytes: 32 * MIB });
    const { heap, cpu, grows } = scene;
    const before = grows();
    const object = heldZone(scene, times, () => cpu.kmalloc(size));
    expect(object).not.toBe(0);
    expect({ grows: grows(), bytes: heap.memory.buffer.byteLength }).toEqual({
      grows: before,
      bytes: 32 * MIB,
    });
    cpu.kfree(object);
  });

  test("a slab, with list_lock missed while its node has one", () => {
    const { heap, cpu, other } = makeScene();
    const cache = cpu.createCache("contended", 1024);
    const objects = cpu.cacheTake(cache, 3 * cache.objects);
    for (const object of objects.slice(0, -1)) other.kfree(object);
    other.offline();
    cpu.offline();
    const here = heap.cpu(0, { mayWait: false });
    expect(heap.nrPartial(cache)).toBeGreaterThan(0);
    const counts = heap.countsOf(cache, () => {
      heldFor(heap, listLock(heap, cache), MANY, () => here.cacheTake(cache, 1));
    });
    expect(counts).toMatchObject({ ALLOC_SLOWPATH: 1, ALLOC_FROM_PARTIAL: 1 });
    expect(counts["ALLOC_SLAB"]).toBeUndefined();
  });
});

describe("0 means out of memory", () => {
  const PAGES = 16384;

  test.each([
    { whose: "another CPU's page list", owner: 1, freed: 1 },
    { whose: "its own page list", owner: 1, freed: 0 },
  ])("not that $whose was locked, with the last pages on it", ({ owner, freed }) => {
    const scene = makeScene({ maximumBytes: 8 * MIB, initialBytes: 8 * MIB, cpus: 3 });
    const { heap, cpu, other } = scene;
    const all = cpu.takeAll(PAGES);
    const last = all.pop() ?? 0;
    const holder = freed === 1 ? other : cpu;
    holder.kfree(last);
    expect(cpu.heap.freePages(), "pages that zones have").toBeLessThan(4);
    const lock = holder.area + heap.table.offsets.cpu_area.pcp_lock;
    expect(heldFor(heap, lock, MANY, () => cpu.kmalloc(PAGES), { owner: owner + 1 })).toBe(last);
    expect(cpu.kmalloc(PAGES)).toBe(0);
  });

  test("not that the zone was locked, with all that is free in it or deferred", () => {
    const scene = makeScene({ maximumBytes: 8 * MIB, initialBytes: 8 * MIB });
    const { heap, cpu, zoneLock } = scene;
    const all = cpu.takeAll(BLOCK);
    const [one = 0, two = 0] = all;
    cpu.kfree(one);
    whileHeld(heap, zoneLock, 1, () => cpu.kfree(two));
    expect(heap.view.zone(0).deferred).not.toBe(0);
    const found = heldZone(scene, 3, () => cpu.kmalloc(BLOCK));
    expect(all.slice(0, 2)).toContain(found);
    expect(all.slice(0, 2)).toContain(heldFor(heap, zoneLock, 3, () => cpu.kmalloc(BLOCK)));
    expect(cpu.kmalloc(BLOCK)).toBe(0);
  });

  test("not that another CPU was in memory.grow for long", () => {
    const { heap, cpu, grows } = makeScene({ maximumBytes: 16 * MIB });
    const { grow_lock } = heap.table.offsets.heap_header;
    const before = grows();
    expect(heldFor(heap, heap.base + grow_lock, MANY, () => cpu.kmalloc(3 * MIB))).not.toBe(0);
    expect(grows()).toBe(before + 1);
  });
});

describe("a nolock caller's wish to grow", () => {
  test("is not made by who could not look into the zone", () => {
    const scene = makeScene({ initialBytes: 8 * MIB });
    const { heap, cpu, other, wish, zoneLock } = scene;
    const mask = heap.view.zone(0).address + heap.table.offsets.zone.free_mask;
    const before = heap.u32(mask);
    const found = whileHeld(heap, zoneLock, other.id, () => {
      heap.setU32(mask, 0);
      const object = cpu.nmi(() => cpu.kmallocNolock(8192));
      heap.setU32(mask, before);
      return object;
    });
    expect({ found, wish: wish() }).toEqual({ found: 0, wish: 0 });
  });

  test("is not made by who could not look at the partial slabs", () => {
    const { heap, cpu, other, wish } = makeScene({ maximumBytes: 8 * MIB, initialBytes: 8 * MIB });
    const cache = cpu.createCache("contended", 8192);
    const objects = cpu.cacheTake(cache, 3 * cache.objects);
    for (const object of objects.slice(0, -1)) other.kfree(object);
    other.offline();
    cpu.offline();
    const here = heap.cpu(0);
    expect(heap.nrPartial(cache)).toBeGreaterThan(0);
    here.takeAll(4096);
    const lock = listLock(heap, cache);
    const found = whileHeld(heap, lock, 1, () => here.nmi(() => here.cacheAllocNolock(cache)));
    expect({ found, wish: wish() }).toEqual({ found: 0, wish: 0 });
    expect(here.nmi(() => here.cacheAllocNolock(cache))).not.toBe(0);
  });

  test("is not fulfilled where what it wished for is there by now", () => {
    const { cpu, other, grows, wish } = makeScene();
    const held: number[] = [];
    for (let p = cpu.kmallocNolock(8192); p !== 0; p = cpu.kmallocNolock(8192)) held.push(p);
    expect(wish()).toBeGreaterThan(0);
    for (const object of held) other.kfree(object);
    other.offline();
    const before = grows();
    cpu.poll();
    expect({ wish: wish(), grows: grows() }).toEqual({ wish: 0, grows: before });
    expect(cpu.kmallocNolock(8192)).not.toBe(0);
  });
});
