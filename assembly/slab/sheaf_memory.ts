/**
 * The memory of new sheaves: objects of kmalloc caches, straight from their slabs.
 *
 * So a sheaf never needs a sheaf. Kernel: mm/slub.c alloc_empty_sheaf(), 7.0.
 */
import { NUMA_NO_NODE } from "../base/config";
import { KmemCache } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { heap_base, this_cpu_cache } from "../sync/percpu";
import { SHEAF_ALLOC, stat } from "../sync/stat";
import { cache_at, size_index } from "./cache_table";
import { slab_alloc_node } from "./do_alloc";
import { note_sheaf_move, sheaf_bytes } from "./sheaf";

/**
 * @param capacity objects it must have room for
 * @returns an empty sheaf for objects of `cache`, in this CPU's hand, or 0: out of memory.
 * Context: slab_alloc_node(); nothing in hand.
 */
export function alloc_empty_sheaf(cache: KmemCache, capacity: u32): usize {
  const index = size_index(heap_base, sheaf_bytes(capacity));
  note_sheaf_move(1);
  const address = slab_alloc_node(cache_at(<u32>index), NUMA_NO_NODE);
  if (address !== 0) {
    const sheaf = changetype<Sheaf>(address);
    sheaf.link = 0;
    sheaf.size = 0;
    sheaf.capacity = <u16>capacity;
    sheaf.depth = 0;
    sheaf.bottom = 0;
    this_cpu_cache(cache).sheaf_in_hand = <u32>address;
    stat(cache, SHEAF_ALLOC);
  }
  note_sheaf_move(-1);
  return address;
}
