/**
 * What no fast path of kmalloc() and kfree() is for: other sizes, flags, nodes and contexts, and a
 * freelist or sheaf that is empty or full.
 */
import { KMALLOC_MAX_CACHE_SIZE, ZERO_SIZE_PTR } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { virt_to_page } from "../page/page";
import { slab_alloc } from "../slab/alloc";
import { zero_or_null } from "../slab/check";
import { large_free } from "../slab/debug_large";
import { slab_free } from "../slab/free";
import { lock_mode, preempt_count } from "../sync/context";
import { TRACE_KFREE, TRACE_KMALLOC, trace } from "../sync/trace";
import { set_request } from "./debug";
import { free_large, kmalloc_large } from "./large";
import { kmalloc_nolock } from "./nolock";
import { kmalloc_slab } from "./size_class";

/** kmalloc() of anything on `node`, or NUMA_NO_NODE. @returns 0: out of memory. Context: any. */
export function kmalloc_slow(size: usize, gfp: u32, node: i32): usize {
  if (size === 0) return ZERO_SIZE_PTR;
  if (preempt_count() !== 0) return kmalloc_nolock(size, gfp, node);
  const p =
    size > KMALLOC_MAX_CACHE_SIZE
      ? kmalloc_large(size, gfp, node, lock_mode())
      : slab_alloc(kmalloc_slab(size, gfp), node, gfp);
  if (isDefined(SLUB_DEBUG)) set_request(p, size, gfp);
  trace(TRACE_KMALLOC, p, size, <usize>gfp);
  return p;
}

/**
 * kfree() of anything.
 *
 * @param address the slab of `p`, or 0
 */
export function kfree_slow(p: usize, address: usize): void {
  trace(TRACE_KFREE, p, 0, 0);
  if (address !== 0) {
    const slab = changetype<Slab>(address);
    slab_free(changetype<KmemCache>(<usize>slab.slab_cache), slab, p);
  } else if (!zero_or_null(p)) {
    if (isDefined(SLUB_DEBUG)) {
      if (!large_free(p)) return;
    }
    free_large(virt_to_page(p), lock_mode());
  }
}
