/**
 * Several nodes: where pages and slabs come from, whose list they go to, and what a wish for a
 * node is worth.
 *
 * Method: two nodes whose blocks of 4 MiB alternate, CPU 0 on node 0 and CPU 1 on node 1, memory
 * large enough from the start that both nodes have whole blocks.
 */
import { describe, expect, test } from "vitest";
import { MIB, PAGE, TestHeap } from "./support/heap.js";

const BLOCK = 4 * MIB;
const nodeOf = (address: number) => Math.floor(address / BLOCK) % 2;
const scene = () => new TestHeap({ nodes: 2, maximumBytes: 64 * MIB, initialBytes: 32 * MIB });

describe("get_partial and new_slab", () => {
  test("a CPU's slabs come from its own node", () => {
    const heap = scene();
    const objects = heap.cpus().map((cpu) => cpu.take(1024, 64));
    expect(new Set(objects[0]?.map(nodeOf))).toEqual(new Set([0]));
    expect(new Set(objects[1]?.map(nodeOf))).toEqual(new Set([1]));
  });

  test("kmalloc_node takes from the node asked for, on either CPU", () => {
    const heap = scene();
    for (const cpu of heap.cpus()) {
      for (const node of [0, 1, 1, 0]) expect(nodeOf(cpu.kmallocNode(512, node))).toBe(node);
    }
  });

  test("an object of the cpu slab's node is a fast path for kmalloc_node", () => {
    const heap = scene();
    const cpu = heap.cpu(0);
    cpu.kmalloc(64);
    const counts = heap.countsOf(heap.cache("kmalloc-64"), () => cpu.kmallocNode(64, 0));
    expect(counts).toEqual({ ALLOC_FASTPATH: 1 });
  });

  test("a partial slab of the wanted node goes before a new one", () => {
    const heap = scene();
    const [near, far] = heap.cpus();
    const cache = heap.cache("kmalloc-2k");
    const perSlab = cache.oo & 0xffff;
    // Enough full slabs on node 1, then one object of each freed from CPU 0: CPU 0's percpu
    // partial list overflows and slabs reach node 1's list.
    const objects = far?.take(2048, perSlab * 12) ?? [];
    for (let slab = 0; slab < 12; slab++) near?.kfree(objects[slab * perSlab] ?? 0);
    near?.offline();
    expect(heap.nrPartial(cache, 1)).toBeGreaterThan(0);
    const again = heap.cpu(0);
    const counts = heap.countsOf(cache, () => expect(nodeOf(again.kmallocNode(2048, 1))).toBe(1));
    expect(counts).toMatchObject({ ALLOC_FROM_PARTIAL: 1 });
    expect(counts).not.toHaveProperty("ALLOC_SLAB");
  });

  test("a slab freed on another node goes to its own node's list", () => {
    const heap = scene();
    const [, far] = heap.cpus();
    const cache = heap.cache("kmalloc-8k");
    const objects = far?.take(8192, 4 * 16) ?? [];
    for (const object of objects) far?.kfree(object);
    far?.offline();
    expect(heap.nrPartial(cache, 0)).toBe(0);
    expect(heap.nrPartial(cache, 1)).toBeGreaterThan(0);
  });

  test("a wish that a node cannot fulfil is met from another", () => {
    const heap = new TestHeap({ nodes: 8, maximumBytes: 8 * MIB, initialBytes: 8 * MIB });
    const cpu = heap.cpu(0);
    // 8 MiB are blocks 0 and 1: node 7 has nothing and never will.
    const object = cpu.kmallocNode(256, 7);
    expect(object).not.toBe(0);
    cpu.kfree(object);
  });

  test("before memory is reported out, other nodes' partial slabs are taken", () => {
    const heap = new TestHeap({ nodes: 2, maximumBytes: 12 * MIB, initialBytes: 12 * MIB });
    const [here, there] = heap.cpus();
    const cache = heap.cache("kmalloc-4k");
    const theirs = there?.take(4096, 8 * (cache.oo & 0xffff)) ?? [];
    here?.takeAll(4096);
    here?.takeAll(PAGE);
    // One object in each of the other CPU's slabs: partial slabs of node 1, and no free page.
    for (let at = 0; at < theirs.length; at += cache.oo & 0xffff) there?.kfree(theirs[at] ?? 0);
    there?.offline();
    expect(here?.kmalloc(4096)).not.toBe(0);
  });
});

describe("pages", () => {
  test("each node's free pages are in its own zone, also after a storm", () => {
    const heap = scene();
    const [a, b] = heap.cpus();
    const before = [heap.freeBlocks(0), heap.freeBlocks(1)];
    const sizes = [8192, 100_000, 16_384, 1_000_000, 40_000, 6 * MIB];
    const held = sizes.flatMap((size) => [a?.kmalloc(size) ?? 0, b?.kmalloc(size) ?? 0]);
    expect(held).not.toContain(0);
    for (const object of held) (nodeOf(object) === 0 ? b : a)?.kfree(object);
    a?.offline();
    b?.offline();
    // A node keeps min_partial empty slabs of a cache: give the caches' slabs back first.
    const shrinker = heap.cpu(0);
    for (const name of ["kmalloc-8k"]) {
      shrinker.exports.kmem_cache_shrink(heap.cache(name).address);
    }
    shrinker.offline();
    expect([heap.freeBlocks(0), heap.freeBlocks(1)]).toEqual(before);
  });

  test("a CPU's page lists hold pages of its own node only", () => {
    const heap = scene();
    const [a] = heap.cpus();
    const objects = [0, 1].map((node) => a?.kmallocNode(16_384, node) ?? 0);
    expect(objects.map(nodeOf)).toEqual([0, 1]);
    for (const object of objects) a?.kfree(object);
    heap.expectSound();
  });

  test("growth feeds every node", () => {
    const heap = new TestHeap({ nodes: 2, maximumBytes: 64 * MIB });
    const cpu = heap.cpu(0);
    const objects = cpu.takeAll(MIB);
    expect(new Set(objects.map(nodeOf))).toEqual(new Set([0, 1]));
    expect(heap.view.zone(0).nr_managed).toBeGreaterThan(0);
    expect(heap.view.zone(1).nr_managed).toBeGreaterThan(0);
  });
});

describe("nolock", () => {
  test("for a nolock call the node is a hint: it takes what is there", () => {
    const heap = scene();
    const cpu = heap.cpu(0);
    cpu.kmalloc(64);
    expect(nodeOf(cpu.kmallocNolock(64, 0, 1))).toBe(0);
  });

  test("a nolock call without a cpu slab heeds the hint where it costs nothing", () => {
    const heap = scene();
    expect(nodeOf(heap.cpu(0).kmallocNolock(64, 0, 1))).toBe(1);
  });
});
