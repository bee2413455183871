/**
 * Allocation from a cache by its address, one object or many.
 *
 * The cache is trusted: it came from kmem_cache_create() or kmem_cache_open() of this heap.
 * Kernel: mm/slub.c kmem_cache_alloc(), kmem_cache_free(), kmem_cache_alloc_bulk(); 6.18.
 */
import { KMALLOC_MAX_CACHE_SIZE, NUMA_NO_NODE } from "../base/config";
import { KmemCache } from "../base/layout";
import { slab_alloc } from "../slab/alloc";
import { slab_alloc_bulk } from "../slab/bulk_alloc";
import { free_many } from "../slab/pcs_bulk";
import { nolock_refuses } from "../slab/nolock";
import { slab_alloc_nolock } from "../slab/nolock_alloc";
import { TRACE_KMEM_CACHE_ALLOC, TRACE_KMEM_CACHE_FREE, trace } from "../sync/trace";
import { set_request } from "./debug";
import { kfree } from "./kmalloc";
import { kfree_nolock } from "./nolock";
import { kmalloc_slab } from "./size_class";

/** Allocate one object. @returns 0 when out of memory. Context: any. */
export function kmem_cache_alloc(cache: usize, gfp: u32): usize {
  const s = changetype<KmemCache>(cache);
  const object = slab_alloc(s, NUMA_NO_NODE, gfp);
  trace(TRACE_KMEM_CACHE_ALLOC, object, cache, <usize>gfp);
  return object;
}

/** The same without waiting. @returns 0 also where this CPU is changing that very cache. */
export function kmem_cache_alloc_nolock(cache: usize, gfp: u32, node: i32): usize {
  const s = changetype<KmemCache>(cache);
  return nolock_refuses(s) ? 0 : slab_alloc_nolock(s, node, gfp);
}

/** Free to a cache. `p` is trusted. Context: any. */
export function kmem_cache_free(cache: usize, p: usize): void {
  trace(TRACE_KMEM_CACHE_FREE, p, cache, 0);
  kfree(p);
}

/** The same without waiting. */
export function kmem_cache_free_nolock(_cache: usize, p: usize): void {
  kfree_nolock(p);
}

/**
 * Allocate `count` objects, all or none.
 *
 * @param array where their addresses go: count * 4 bytes
 * @returns count, or 0 with nothing allocated. Context: any.
 */
export function kmem_cache_alloc_bulk(cache: usize, gfp: u32, count: u32, array: usize): u32 {
  return slab_alloc_bulk(changetype<KmemCache>(cache), gfp, count, array);
}

/** Free `count` slab objects; NULL and ZERO_SIZE_PTR are skipped. Context: any. */
export function kmem_cache_free_bulk(_cache: usize, count: u32, array: usize): void {
  free_many(count, array);
}

/** Allocate `count` objects of `size` bytes, 1 .. 8192 (else 0), all or none. As above. */
export function kmalloc_bulk(size: usize, gfp: u32, count: u32, array: usize): u32 {
  if (size - 1 >= KMALLOC_MAX_CACHE_SIZE) return 0;
  const done = kmem_cache_alloc_bulk(changetype<usize>(kmalloc_slab(size, gfp)), gfp, count, array);
  if (isDefined(SLUB_DEBUG)) {
    for (let i: u32 = 0; i < done; i++) {
      set_request(<usize>load<u32>(array + ((<usize>i) << 2)), size, gfp);
    }
  }
  return done;
}

/** Free `count` slab objects of any caches. As above. */
export function kfree_bulk(count: u32, array: usize): void {
  free_many(count, array);
}
