/**
 * ksize() and krealloc(): how much an allocation has room for, and making it larger or smaller.
 *
 * Kernel: mm/slub.c krealloc(), __do_krealloc(), ksize(); 6.18.
 */
import { GFP_ZERO, ZERO_SIZE_PTR } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { page_slab, virt_to_page } from "../page/page";
import { zero_or_null } from "../slab/check";
import { large_ksize, large_resize, large_size } from "../slab/debug_large";
import { get_orig_size, is_debug_cache, tracks_orig_size } from "../slab/debug_layout";
import { large_bytes } from "../slab/memcg";
import { debug_cache_of, debug_ksize, set_tail } from "./debug";
import { kfree, kmalloc } from "./kmalloc";

/** @returns bytes usable at `p`; 0 for NULL and ZERO_SIZE_PTR. Context: any. */
export function ksize(p: usize): usize {
  if (zero_or_null(p)) return 0;
  const page = virt_to_page(p);
  const slab = page_slab(page);
  if (slab === 0) return isDefined(SLUB_DEBUG) ? large_ksize(page) : large_bytes(page);
  const cache = changetype<KmemCache>(<usize>changetype<Slab>(slab).slab_cache);
  if (isDefined(SLUB_DEBUG)) {
    if (is_debug_cache(cache)) return debug_ksize(cache, p);
  }
  return cache.offset >= cache.inuse ? cache.inuse : cache.size;
}

/**
 * Change the size of an allocation; the content stays up to the smaller size.
 *
 * @param size new bytes; 0 frees and returns ZERO_SIZE_PTR
 * @param gfp with __GFP_ZERO bytes beyond the old usable size are zero
 * @returns the address, the same where it still fits; 0 when out of memory, then `p` stays valid.
 * Context: kmalloc().
 */
export function krealloc(p: usize, size: usize, gfp: u32): usize {
  if (zero_or_null(p)) return kmalloc(size, gfp);
  if (size === 0) {
    kfree(p);
    return ZERO_SIZE_PTR;
  }
  if (isDefined(SLUB_DEBUG)) {
    const cache = debug_cache_of(p);
    if (cache !== 0) return debug_krealloc(changetype<KmemCache>(cache), p, size, gfp);
    if (page_slab(virt_to_page(p)) === 0) return large_krealloc(p, size, gfp);
  }
  const old = ksize(p);
  if (size <= old) {
    if ((gfp & GFP_ZERO) !== 0) memory.fill(p + size, 0, old - size);
    return p;
  }
  const fresh = kmalloc(size, gfp);
  if (fresh === 0) return 0;
  memory.copy(fresh, p, old);
  kfree(p);
  return fresh;
}

/** krealloc() of an object of a debug cache to `size` bytes, at least 1. */
export function debug_krealloc(cache: KmemCache, p: usize, size: usize, gfp: u32): usize {
  const old = <usize>get_orig_size(cache, p);
  const room = <usize>cache.object_size;
  if (size > room) {
    const fresh = kmalloc(size, gfp);
    if (fresh === 0) return 0;
    memory.copy(fresh, p, old);
    kfree(p);
    return fresh;
  }
  if ((gfp & GFP_ZERO) !== 0) {
    if (old < size) memory.fill(p + old, 0, size - old);
    else memory.fill(p + size, 0, room - size);
  }
  if (tracks_orig_size(cache)) set_tail(cache, p, size);
  return p;
}

/** krealloc() of a large allocation to `size` bytes, at least 1 (SLUB_DEBUG builds). */
function large_krealloc(p: usize, size: usize, gfp: u32): usize {
  const page = virt_to_page(p);
  if (large_resize(page, size, gfp)) return p;
  const fresh = kmalloc(size, gfp);
  if (fresh === 0) return 0;
  memory.copy(fresh, p, min(large_size(page), size));
  kfree(p);
  return fresh;
}
