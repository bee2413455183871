/**
 * Goal: slab_debug finds what the kernel's finds, and counts it the same. Method: the memory cases
 * of the kernel's own lib/tests/slub_kunit.c, each by its name, with exactly its number of errors:
 * a report counts one, a repair counts one.
 */
import { SLAB_POISON, SLAB_RED_ZONE, SLAB_STORE_USER } from "slablab/internal/heap/flags.js";
import type { CacheView } from "slablab/internal/heap/view.js";
import { describe, expect, test } from "vitest";
import { GFP_ZERO, type TestCpu } from "./support/cpu.js";
import { type Build, TestHeap } from "./support/heap.js";

const RED_ACTIVE = 0xcc;
const BUILDS: readonly Build[] = ["debug", "trace"];
const HARDENED = 0x8;

function write(heap: TestHeap, address: number, value: number): void {
  heap.bytes[address] = value;
}

function read(heap: TestHeap, from: number, to: number): number[] {
  return [...heap.bytes.slice(from, to)];
}

const all = (count: number, value: number) => Array.from({ length: count }, () => value);

/** validate_slab_cache() and what it counted: what the kernel's tests call slab_errors. */
function errors(cpu: TestCpu, cache: CacheView): number {
  const before = cpu.heap.slabErrors;
  const returned = cpu.validateCache(cache);
  expect(cpu.heap.slabErrors - before).toBe(returned);
  return returned;
}

describe.each(BUILDS)("slub_kunit in the build %s", (build) => {
  const boot = (slabDebug?: string) => {
    const heap = new TestHeap(slabDebug === undefined ? { build } : { build, slabDebug });
    return { heap, cpu: heap.cpu(0) };
  };

  test("test_clobber_zone: 2", () => {
    const { heap, cpu } = boot();
    const cache = cpu.createCache("TestSlub_RZ_alloc", 64, { flags: SLAB_RED_ZONE });
    const p = cpu.cacheAlloc(cache);
    write(heap, p + 64, 0x12);
    expect(errors(cpu, cache)).toBe(2);
    expect(heap.reports[0]).toContain("Right Redzone overwritten");
    expect(errors(cpu, cache)).toBe(0);
    cpu.cacheFree(cache, p);
    expect(cpu.destroyCache(cache)).toBe(0);
  });

  test.each([0, HARDENED])("test_next_pointer: 3, then 2, then 0 (options %i)", (options) => {
    const heap = new TestHeap({ build, options });
    const cpu = heap.cpu(0);
    const cache = cpu.createCache("TestSlub_next_ptr_free", 64, { flags: SLAB_POISON });
    const p = cpu.cacheAlloc(cache);
    cpu.cacheFree(cache, p);
    const slot = p + cache.offset;
    const saved = heap.u32(slot);
    write(heap, slot, ~saved & 0xff);
    expect(errors(cpu, cache), "bad chain, wrong count, its repair").toBe(3);
    heap.setU32(slot, saved);
    expect(errors(cpu, cache), "wrong count, its repair").toBe(2);
    expect(errors(cpu, cache)).toBe(0);
    expect(cpu.destroyCache(cache)).toBe(0);
  });

  test("test_first_word: 2", () => {
    const { heap, cpu } = boot();
    const cache = cpu.createCache("TestSlub_1th_word_free", 64, { flags: SLAB_POISON });
    const p = cpu.cacheAlloc(cache);
    cpu.cacheFree(cache, p);
    write(heap, p, 0x78);
    expect(errors(cpu, cache)).toBe(2);
    expect(heap.reports[0]).toContain("Poison overwritten");
    expect(cpu.destroyCache(cache)).toBe(0);
  });

  test("test_clobber_50th_byte: 2", () => {
    const { heap, cpu } = boot();
    const cache = cpu.createCache("TestSlub_50th_word_free", 64, { flags: SLAB_POISON });
    const p = cpu.cacheAlloc(cache);
    cpu.cacheFree(cache, p);
    write(heap, p + 50, 0x9a);
    expect(errors(cpu, cache)).toBe(2);
    expect(cpu.destroyCache(cache)).toBe(0);
  });

  test("test_clobber_redzone_free: 2", () => {
    const { heap, cpu } = boot();
    const cache = cpu.createCache("TestSlub_RZ_free", 64, { flags: SLAB_RED_ZONE });
    const p = cpu.cacheAlloc(cache);
    cpu.cacheFree(cache, p);
    write(heap, p + 64, 0xab);
    expect(errors(cpu, cache)).toBe(2);
    expect(cpu.destroyCache(cache)).toBe(0);
  });

  test("test_kmalloc_redzone_access: 2", () => {
    const { heap, cpu } = boot("ZU,kmalloc-32");
    const cache = heap.cache("kmalloc-32");
    const p = cpu.kmalloc(18);
    write(heap, p + 18, 0xab);
    write(heap, p + 19, 0xab);
    expect(errors(cpu, cache)).toBe(2);
    expect(heap.reports[0]).toContain("kmalloc Redzone overwritten");
    cpu.kfree(p);
    expect(errors(cpu, cache)).toBe(0);
  });

  test.each([0, SLAB_RED_ZONE | SLAB_STORE_USER])("test_leak_destroy: 2 (flags %i)", (flags) => {
    const { heap, cpu } = boot();
    const cache = cpu.createCache("TestSlub_leak_destroy", 64, { flags });
    const p = cpu.cacheAlloc(cache);
    const before = heap.slabErrors;
    expect(cpu.destroyCache(cache)).toBe(1);
    expect(heap.slabErrors - before, "a line for the slab, one for the object").toBe(2);
    expect(heap.reports[0]).toContain("Objects remaining on __kmem_cache_shutdown()");
    expect(heap.reports[1]).toContain(`Object 0x${p.toString(16)} @offset=`);
    // Ours stays usable: what is left can be freed.
    cpu.cacheFree(cache, p);
    expect(cpu.destroyCache(cache)).toBe(0);
    expect(heap.slabErrors - before).toBe(2);
  });

  test("test_krealloc_redzone_zeroing: 0", () => {
    const { heap, cpu } = boot("ZU,kmalloc-64");
    const cache = heap.cache("kmalloc-64");
    const p = cpu.kmalloc(48);
    expect(read(heap, p + 48, p + 64)).toEqual(all(16, RED_ACTIVE));
    expect(cpu.krealloc(p, 40, GFP_ZERO)).toBe(p);
    expect(read(heap, p + 40, p + 64)).toEqual(all(24, RED_ACTIVE));
    expect(cpu.krealloc(p, 56, GFP_ZERO)).toBe(p);
    expect(read(heap, p + 40, p + 56)).toEqual(all(16, 0));
    expect(read(heap, p + 56, p + 64)).toEqual(all(8, RED_ACTIVE));
    expect(errors(cpu, cache)).toBe(0);
    heap.fill(p, 56, 0xff);
    const q = cpu.krealloc(p, 112, GFP_ZERO);
    expect(read(heap, q, q + 56)).toEqual(all(56, 0xff));
    expect(read(heap, q + 56, q + 112)).toEqual(all(56, 0));
    expect(errors(cpu, cache)).toBe(0);
    cpu.kfree(q);
    expect(heap.reports).toEqual([]);
  });
});
