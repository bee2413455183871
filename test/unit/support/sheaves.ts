/** Heaps with sheaves, for tests of what is where: two CPUs, and sheaves of 12 in kmalloc-1k. */
import { HEAP_SHEAVES } from "slablab/internal/heap/constants.js";
import { type SheafView, sheavesOf } from "slablab/internal/heap/sheaves.js";
import type { CacheView } from "slablab/internal/heap/view.js";
import type { TestCpu } from "./cpu.js";
import { TestHeap, type TestHeapOptions } from "./heap.js";

/** Size of the objects of a scene. */
export const SIZE = 1024;
export const CAPACITY = 12;

/** Sheaves as text, `main 0: 12`: the place, whose it is, objects in it. */
export function textsOf(sheaves: readonly SheafView[]): string[] {
  return sheaves.map(({ place, of, size }) => `${place} ${of}: ${size}`);
}

/** Let a CPU keep one full sheaf of `cache` below main, as in the kernel: the barn is near. */
export function keepOne(heap: TestHeap, cache: CacheView): void {
  heap.setU32(cache.address + heap.table.offsets.kmem_cache.pcs_full, 1);
}

export function sheafScene(options: TestHeapOptions = {}) {
  const heap = new TestHeap({ cpus: 2, options: HEAP_SHEAVES, ...options });
  const [here, elsewhere] = heap.cpus() as [TestCpu, TestCpu];
  keepOne(heap, heap.cache("kmalloc-1k"));
  const cache = heap.cache("kmalloc-1k");
  const places = () => textsOf(sheavesOf(heap.view, cache));
  return { heap, here, elsewhere, cache, places };
}
