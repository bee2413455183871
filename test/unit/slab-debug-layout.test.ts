/**
 * Goal: objects of debug caches lie as calculate_sizes() of the kernel lays them, in words of four
 * bytes. Method: a second implementation, written from the rule's description, for all flags and
 * many sizes; and for one cache each byte by hand.
 */
import {
  SLAB_CONSISTENCY_CHECKS,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
  SLAB_TRACE,
} from "slablab";
import { expect, test } from "vitest";
import { TestHeap } from "./support/heap.js";

const TRACKS = 32;
const up = (value: number, unit: number) => Math.ceil(value / unit) * unit;
const LETTERS = [
  SLAB_CONSISTENCY_CHECKS,
  SLAB_RED_ZONE,
  SLAB_POISON,
  SLAB_STORE_USER,
  SLAB_TRACE,
] as const;

function expectedLayout(objectSize: number, align: number, flags: number, hasCtor: boolean) {
  const red = (flags & SLAB_RED_ZONE) !== 0;
  let size = up(objectSize, 4);
  if (red && size === objectSize) size += 4;
  const inuse = size;
  const isOutside = hasCtor || (flags & SLAB_POISON) !== 0 || (red && objectSize < 4);
  const offset = isOutside ? size : Math.floor(objectSize / 2 / 4) * 4;
  if (isOutside) size += 4;
  if ((flags & SLAB_STORE_USER) !== 0) size += TRACKS;
  const unit = Math.max(8, align);
  const red_left_pad = red ? up(4, unit) : 0;
  if (red) size += 4 + red_left_pad;
  return {
    inuse,
    offset,
    red_left_pad,
    size: up(size, unit),
    cpu_partial: 0,
    cpu_partial_slabs: 0,
  };
}

test("caches have the layout the rule gives, for all flags", () => {
  const heap = new TestHeap({ build: "debug" });
  const cpu = heap.cpu(0);
  for (let set = 1; set < 32; set++) {
    const flags = LETTERS.reduce((sum, flag, bit) => sum + ((set >> bit) & 1) * flag, 0);
    for (const size of [1, 3, 4, 5, 8, 24, 63, 64, 100, 1000]) {
      for (const align of [0, 64]) {
        for (const ctor of [undefined, () => {}]) {
          const options = ctor === undefined ? { align, flags } : { align, flags, ctor };
          const cache = cpu.createCache("probe", size, options);
          const expected = expectedLayout(size, align, flags, ctor !== undefined);
          const where = `size ${size} align ${align} flags ${flags} ctor ${ctor !== undefined}`;
          expect(cache, where).toMatchObject(expected);
          const object = cpu.cacheAlloc(cache);
          expect(object % Math.max(8, align), where).toBe(0);
          const start = heap.slabOf(object).start;
          expect(object - start, where).toBe(expected.red_left_pad);
          cpu.cacheFree(cache, object);
          expect(cpu.destroyCache(cache), where).toBe(0);
        }
      }
    }
  }
});

test("kmalloc caches keep their alignment, and the size that was asked for with U", () => {
  const heap = new TestHeap({ build: "debug", slabDebug: "ZU" });
  const cpu = heap.cpu(0);
  for (const [name, align] of [
    ["kmalloc-8", 8],
    ["kmalloc-64", 64],
    ["kmalloc-96", 32],
    ["kmalloc-8k", 8192],
  ] as const) {
    const cache = heap.cache(name);
    const inuse = cache.object_size + 4;
    // The free pointer is outside, because it could lie in a kmalloc red zone.
    expect(cache).toMatchObject({ inuse, offset: inuse, red_left_pad: align });
    expect(cache.size).toBe(up(inuse + 4 + TRACKS + 4 + 4 + align, align));
    const object = cpu.kmalloc(cache.object_size - 3);
    expect(object % align).toBe(0);
    expect(heap.u32(object + inuse + 4 + TRACKS)).toBe(cache.object_size - 3);
    cpu.kfree(object);
  }
});

test("every byte of an object is what it should be, in use and free", () => {
  const heap = new TestHeap({ build: "debug", slabDebug: "FZPU,kmalloc-64" });
  const cpu = heap.cpu(1);
  const cache = heap.cache("kmalloc-64");
  const p = cpu.kmalloc(50);
  const at = (from: number, to: number) => new Set(heap.bytes.slice(p + from, p + to));
  const pad = 68 + 4 + TRACKS + 4;
  expect([...at(-64, 0)]).toEqual([0xcc]);
  expect([...at(0, 49)]).toEqual([0x6b]);
  expect([...at(49, 50)]).toEqual([0xa5]);
  expect([...at(50, 68)]).toEqual([0xcc]);
  expect([...at(pad, cache.size - 64)]).toEqual([0x5a]);
  const track = (index: number) =>
    [0, 1, 2].map((word) => heap.u32(p + 72 + index * 16 + word * 4));
  expect(track(0), "kmalloc, CPU 1, its task").toEqual([1, 1, 2]);
  expect(track(1), "nobody yet").toEqual([0, 0, 0]);
  cpu.kfree(p);
  expect([...at(-64, 0)]).toEqual([0xbb]);
  expect([...at(0, 63)]).toEqual([0x6b]);
  expect([...at(63, 64)]).toEqual([0xa5]);
  expect([...at(64, 68)]).toEqual([0xbb]);
  expect(track(1), "kfree, CPU 1, its task").toEqual([3, 1, 2]);
});

test("__GFP_ZERO clears what was asked for, and the rest stays red", () => {
  const heap = new TestHeap({ build: "debug", slabDebug: "FZPU" });
  const cpu = heap.cpu(0);
  const calls = [
    () => cpu.kmalloc(50, 1),
    () => cpu.kmallocNolock(50, 1),
    () => cpu.kmallocBulk(50, 3, 1)[1] ?? 0,
  ];
  for (const call of calls) {
    const p = call();
    expect([...new Set(heap.bytes.slice(p, p + 50))]).toEqual([0]);
    expect([...new Set(heap.bytes.slice(p + 50, p + 68))]).toEqual([0xcc]);
  }
  expect(cpu.validateCache(heap.cache("kmalloc-64"))).toBe(0);
});

test("objects that must stay constructed are not poisoned", () => {
  const heap = new TestHeap({ build: "debug" });
  const cpu = heap.cpu(0);
  const ctor = (object: number) => heap.fill(object, 40, 0x11);
  const flags = SLAB_POISON | SLAB_RED_ZONE | SLAB_CONSISTENCY_CHECKS | SLAB_STORE_USER;
  const cache = cpu.createCache("made", 40, { flags, ctor });
  for (let round = 0; round < 3; round++) {
    const object = cpu.cacheAlloc(cache);
    expect([...new Set(heap.bytes.slice(object, object + 40))]).toEqual([0x11]);
    cpu.cacheFree(cache, object);
  }
  expect(cpu.validateCache(cache)).toBe(0);
});

test("ksize() is object_size with Z or P, and what it says may be used", () => {
  for (const [letters, size] of [
    ["Z", 64],
    ["P", 64],
    ["FZPU", 64],
    ["U", 64],
    ["F", 64],
  ] as const) {
    const heap = new TestHeap({ build: "debug", slabDebug: letters });
    const cpu = heap.cpu(0);
    const p = cpu.kmalloc(50);
    expect(cpu.ksize(p), letters).toBe(size);
    heap.fill(p, cpu.ksize(p), 0x41);
    cpu.kfree(p);
    expect(heap.reports, letters).toEqual([]);
  }
});
