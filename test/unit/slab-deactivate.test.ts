/**
 * Goal: each end a cpu slab can come to is counted, and leaves the slab where the states of the
 * design say. Method: a CPU goes offline with its cpu slab in each condition; that is a flush,
 * and it deactivates.
 */
import { expect, test } from "vitest";
import { TestHeap } from "./support/heap.js";

/** kmalloc-8k: 4 objects a slab, min_partial 6. */
function scene() {
  const heap = new TestHeap();
  const [here, elsewhere] = [heap.cpu(0), heap.cpu(1)];
  return { heap, here, elsewhere, cache: heap.cache("kmalloc-8k") };
}

test("DEACTIVATE_TO_HEAD: a partial cpu slab goes to the front of its node's list", () => {
  const { heap, here, elsewhere, cache } = scene();
  elsewhere.take(8192, 2);
  elsewhere.offline();
  const [object = 0] = here.take(8192, 3);
  // CPU 0 took CPU 1's slab over, and another one to have two.
  const counts = heap.countsOf(cache, () => here.offline());
  expect(counts).toEqual({ CPUSLAB_FLUSH: 1, DEACTIVATE_TO_HEAD: 1 });
  expect(heap.partialSlabs(cache).length).toBe(1);
  expect(heap.slabOf(object).in_hand).toBe(0);
});

test("DEACTIVATE_REMOTE_FREES, DEACTIVATE_TO_TAIL: a slab others freed to goes to the end", () => {
  const { heap, here, elsewhere, cache } = scene();
  const [first = 0] = here.take(8192, 2);
  const [second = 0] = elsewhere.take(8192, 2);
  elsewhere.offline();
  const again = heap.cpu(1);
  again.kfree(first);
  const counts = heap.countsOf(cache, () => here.offline());
  expect(counts).toEqual({
    CPUSLAB_FLUSH: 1,
    DEACTIVATE_REMOTE_FREES: 1,
    DEACTIVATE_TO_TAIL: 1,
  });
  expect(heap.partialSlabs(cache)).toEqual([second, first].map((p) => heap.slabAddressOf(p)));
  // One of two objects was freed remotely, two were never allocated.
  expect(heap.slabOf(first)).toMatchObject({ frozen: false, inuse: 1, flags: 1 });
});

test("DEACTIVATE_FULL: a cpu slab without free objects is left to nobody", () => {
  const { heap, here, cache } = scene();
  const [object = 0] = here.take(8192, 4);
  const counts = heap.countsOf(cache, () => here.offline());
  expect(counts).toEqual({ CPUSLAB_FLUSH: 1, DEACTIVATE_FULL: 1 });
  expect(heap.partialSlabs(cache)).toEqual([]);
  expect(heap.slabOf(object)).toMatchObject({ frozen: false, inuse: 4, flags: 0, in_hand: 0 });
});

test("DEACTIVATE_EMPTY, FREE_SLAB: an empty cpu slab goes if the node keeps min_partial", () => {
  const { heap, here, elsewhere, cache } = scene();
  // CPU 1's empty slab is kept six times in a row, because the node has fewer than min_partial.
  const keepers = [];
  for (let kept = 0; kept < cache.min_partial; kept++) {
    const cpu = kept === 0 ? elsewhere : heap.cpu(1);
    keepers.push(...cpu.take(8192, 4));
    cpu.offline();
  }
  const own = here.take(8192, 2);
  for (const object of own) here.kfree(object);
  const freer = heap.cpu(1);
  for (const object of keepers.filter((_, index) => index % 4 === 0)) freer.kfree(object);
  freer.offline();
  expect(heap.nrPartial(cache)).toBe(cache.min_partial);
  const counts = heap.countsOf(cache, () => here.offline());
  expect(counts).toEqual({ CPUSLAB_FLUSH: 1, DEACTIVATE_EMPTY: 1, FREE_SLAB: 1 });
  expect(heap.nrPartial(cache)).toBe(cache.min_partial);
});

test("an empty cpu slab is kept while the node has fewer than min_partial", () => {
  const { heap, here, cache } = scene();
  for (const object of here.take(8192, 2)) here.kfree(object);
  const counts = heap.countsOf(cache, () => here.offline());
  expect(counts).toEqual({ CPUSLAB_FLUSH: 1, DEACTIVATE_TO_HEAD: 1 });
  expect(heap.view.node(cache.index, 0)).toMatchObject({ nr_partial: 1, nr_slabs: 1 });
});

test("what the cpu freelist held is spliced in front of what others freed", () => {
  const { heap, here, elsewhere } = scene();
  const [first = 0, second = 0, third = 0, fourth = 0] = here.take(8192, 4);
  elsewhere.kfree(fourth);
  here.kfree(first);
  here.kfree(second);
  here.offline();
  expect(heap.slabOf(third)).toMatchObject({ inuse: 1, freelist: second });
  const order = heap.cpu(0).take(8192, 3);
  expect(order).toEqual([second, first, fourth]);
});
