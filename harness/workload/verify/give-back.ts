/** Everything that is free goes back to the page allocator. */
import type { Cpu } from "../../heap/cpu.js";
import type { HeapView } from "../../heap/view.js";

/**
 * Shrink every cache, twice: the memory of one cache's sheaves lies in the slabs of another.
 *
 * Context: the last CPU of the heap.
 */
export function giveBack(exports: Cpu["exports"], view: HeapView): void {
  view.refresh();
  for (let pass = 0; pass < 2; pass++) {
    for (const { address } of view.caches()) exports.kmem_cache_shrink(address as never);
  }
}
