/**
 * The fast paths of a build with SLUB_SHEAVES: what kmalloc() and kfree() do nearly always.
 *
 * An allocation is a load of `top`, one of what it points at, and a store. A free is a load of the
 * page's class, of `top` and of `end`, and two stores: the object, then `top`. No test for the
 * context: whoever comes in between two instructions of these does not exist here (slab/sheaf.ts),
 * and what an NMI or a constructor may not do is not done here. No test for a sheaf, a size of 0,
 * an address without a slab: entry 0 of the table never has a sheaf, and that is empty and full.
 * Neither touches the object. Kernel: mm/slub.c alloc_from_pcs(), free_to_pcs(), 7.0.
 */
import { KmemCache, KmemCacheCpu, Slab, pfn_of } from "../base/layout";
import { CPU_CACHES } from "../base/layout_percpu";
import { pfn_to_page } from "../page/page";
import { header, page_class, this_cpu } from "../sync/percpu";
import { index_to_obj, obj_to_index } from "./object";
import { slab_word, word_objects } from "./slab";

/** Where these lie from an area plus 64 times the cache's index: what `pcs` is below. */
const TOP: usize = CPU_CACHES + offsetof<KmemCacheCpu>("top");
const END: usize = CPU_CACHES + offsetof<KmemCacheCpu>("end");

/** @returns where this CPU's sheaves of cache `index` are found. */
export function pcs_of(index: usize): usize {
  return this_cpu + (index << 6);
}

/** @returns where those are found that an object at `p` is freed to; any address will do. */
export function pcs_at(p: usize): usize {
  return pcs_of(<usize>load<u8>(page_class + <usize>pfn_of(p)));
}

/** @returns the address of the last object of the sheaf. */
export function sheaf_top(pcs: usize): usize {
  return <usize>load<u32>(pcs, TOP);
}

export function set_sheaf_top(pcs: usize, top: usize): void {
  store<u32>(pcs, <u32>top, TOP);
}

/** @returns where the last object of a full one would be. */
export function sheaf_end(pcs: usize): usize {
  return <usize>load<u32>(pcs, END);
}

/** Put `p` on top of a sheaf that has room: the object first, then `top` (slab/sheaf.ts). */
export function put_on_top(pcs: usize, top: usize, p: usize): void {
  store<u32>(top, <u32>p, 4);
  set_sheaf_top(pcs, top + 4);
}

/**
 * Free `p`, which may be anything, if it is plainly the start of an object, and not the one that
 * was freed last.
 *
 * @returns false, with nothing changed, if `p` is anything else, or right but not plainly.
 * Context: any.
 */
export function push_sheaf_checked(p: usize): bool {
  const pfn = pfn_of(p);
  if (pfn >= header().maximum_pages) return false;
  const pcs = pcs_at(p);
  const top = sheaf_top(pcs);
  if (top === sheaf_end(pcs) || <usize>load<u32>(top) === p) return false;
  const slab = changetype<Slab>(<usize>pfn_to_page(pfn).head);
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  const number = obj_to_index(cache, slab, p);
  if (index_to_obj(cache, slab, number) !== p || number >= word_objects(slab_word(slab))) {
    return false;
  }
  put_on_top(pcs, top, p);
  return true;
}
