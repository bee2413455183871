/**
 * kmem_cache_shrink(): empties go back, the fullest come first, other CPUs follow when they can.
 */
import { expect, test } from "vitest";
import { TestHeap } from "./support/heap.js";

const SIZE = 2048;

/** A cache whose slabs lie on the node's list with 1, 2, 3, ... objects in use. */
function scene() {
  const heap = new TestHeap({ cpus: 3 });
  const cpu = heap.cpu(0);
  const cache = cpu.createCache("t", SIZE);
  const perSlab = cache.oo & 0xffff;
  const slabs = Array.from({ length: 6 }, () => cpu.cacheTake(cache, perSlab));
  // Slab k keeps k objects; slab 0 becomes empty.
  slabs.forEach((objects, keep) => {
    for (const object of objects.slice(keep)) cpu.kfree(object);
  });
  const inUse = () =>
    heap.partialSlabs(cache).map((at) => {
      const slab = heap.view.page(heap.view.pfnOf(at));
      return slab.inuse;
    });
  return { heap, cpu, cache, inUse, perSlab };
}

test("empty slabs go back, and the fullest partial slab is first", () => {
  const { heap, cpu, cache, inUse } = scene();
  const given = cpu.exports.kmem_cache_shrink(cache.address);
  expect(given).toBeGreaterThanOrEqual(1);
  const order = inUse();
  expect(order).toEqual([...order].sort((a, b) => b - a));
  expect(order).not.toContain(0);
  expect(heap.slabCount(cache)).toBe(order.length);
});

test("a cache without objects has no slab afterwards", () => {
  const heap = new TestHeap();
  const cpu = heap.cpu(0);
  const cache = cpu.createCache("t", SIZE);
  for (const object of cpu.cacheTake(cache, 100)) cpu.kfree(object);
  cpu.exports.kmem_cache_shrink(cache.address);
  expect(heap.slabCount(cache)).toBe(0);
  expect(heap.nrPartial(cache)).toBe(0);
});

test("another CPU keeps its slabs until its next slow path in that cache", () => {
  const heap = new TestHeap({ cpus: 2 });
  const [here, there] = heap.cpus();
  const cache = here?.createCache("t", SIZE);
  if (here === undefined || there === undefined || cache === undefined) throw new Error("scene");
  there.openCache("t");
  const perSlab = cache.oo & 0xffff;
  const objects = there.cacheTake(cache, 2 * perSlab + 1);
  here.exports.kmem_cache_shrink(cache.address);
  const held = heap.view.cpuCache(there.id, cache.index).slab;
  expect(held).not.toBe(0);
  // Its next slow path: a free to a slab that is not its cpu slab.
  there.kfree(objects[0] ?? 0);
  expect(heap.view.cpuCache(there.id, cache.index).slab).toBe(0);
  for (const object of objects.slice(1)) there.kfree(object);
});

test("shrinking changes no object", () => {
  const { heap, cpu, cache } = scene();
  const live = [...heap.view.slabs(cache.address)].reduce((sum, { inuse }) => sum + inuse, 0);
  cpu.exports.kmem_cache_shrink(cache.address);
  const after = [...heap.view.slabs(cache.address)].reduce((sum, { inuse }) => sum + inuse, 0);
  expect(after).toBeLessThanOrEqual(live);
  expect(cpu.destroyCache(cache)).toBeGreaterThan(0);
});
