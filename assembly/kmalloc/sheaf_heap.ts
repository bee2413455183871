/**
 * kmalloc() and kfree() of a build with SLUB_SHEAVES, for whoever wants a copy of their fast half:
 * the exports that are called most, and programs that are linked with the heap.
 *
 * The optimiser copies no function that calls another, and a call costs as much as either half; so
 * these are static methods, of which it must.
 */
import { KMALLOC_MAX_CACHE_SIZE, NUMA_NO_NODE } from "../base/config";
import { virt_to_page } from "../page/page";
import { size_index } from "../slab/cache_table";
import { pcs_at, pcs_of, put_on_top, set_sheaf_top, sheaf_end, sheaf_top } from "../slab/pcs_fast";
import { heap_base } from "../sync/percpu";
import { kfree_slow, kmalloc_slow } from "./slow";

@unmanaged
export class SheafHeap {
  /** kmalloc() of `size` bytes. */
  @inline
  static kmalloc(size: usize, gfp: u32): usize {
    if (size <= KMALLOC_MAX_CACHE_SIZE && gfp === 0) {
      const pcs = pcs_of(size_index(heap_base, size));
      const top = sheaf_top(pcs);
      const object = <usize>load<u32>(top);
      if (object !== 0) {
        set_sheaf_top(pcs, top - 4);
        return object;
      }
    }
    return kmalloc_slow(size, gfp, NUMA_NO_NODE);
  }

  /** kfree(). */
  @inline
  static kfree(p: usize): void {
    const pcs = pcs_at(p);
    const top = sheaf_top(pcs);
    if (top === sheaf_end(pcs)) {
      kfree_slow(p, <usize>virt_to_page(p).head);
    } else {
      put_on_top(pcs, top, p);
    }
  }
}
