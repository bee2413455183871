/**
 * kmalloc() on debug caches: the size that was asked for (SLUB_DEBUG builds).
 *
 * What the bucket has beyond it is red zone. The object comes out of the slab layer as one of the
 * whole bucket, and is narrowed here before its user sees it.
 * Kernel: mm/slub.c set_orig_size(), __do_krealloc(), slab_ksize(); 6.18.
 */
import {
  GFP_ZERO,
  OBJECT_POISON,
  POISON_END,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
  SLAB_TYPESAFE_BY_RCU,
  SLUB_RED_ACTIVE,
} from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { page_slab, virt_to_page } from "../page/page";
import { zero_or_null } from "../slab/check";
import { is_debug_cache, set_orig_size, tracks_orig_size } from "../slab/debug_layout";

/** @returns the debug cache that `p` is of; 0 for other caches and large allocations. */
export function debug_cache_of(p: usize): usize {
  const slab = page_slab(virt_to_page(p));
  if (slab === 0) return 0;
  const cache = <usize>changetype<Slab>(slab).slab_cache;
  return is_debug_cache(changetype<KmemCache>(cache)) ? cache : 0;
}

/** From `size` bytes on the object is red zone. */
export function set_tail(cache: KmemCache, p: usize, size: usize): void {
  set_orig_size(cache, p, <u32>size);
  if ((cache.flags & SLAB_RED_ZONE) !== 0) {
    memory.fill(p + size, <u8>SLUB_RED_ACTIVE, <usize>cache.inuse - size);
  }
}

/** An object that was just allocated is for `size` bytes; 0 and ZERO_SIZE_PTR are none. */
export function set_request(p: usize, size: usize, gfp: u32): void {
  if (zero_or_null(p)) return;
  const address = debug_cache_of(p);
  if (address === 0) return;
  const cache = changetype<KmemCache>(address);
  if (!tracks_orig_size(cache)) return;
  set_tail(cache, p, size);
  const both = SLAB_RED_ZONE | OBJECT_POISON;
  if ((gfp & GFP_ZERO) === 0 && (cache.flags & both) === both) {
    store<u8>(p + size - 1, <u8>POISON_END);
  }
}

/**
 * @returns bytes usable at `p`, of a debug cache. Whoever asks may use them all, so the tail is no
 * longer red zone.
 */
export function debug_ksize(cache: KmemCache, p: usize): usize {
  set_orig_size(cache, p, cache.object_size);
  if ((cache.flags & (SLAB_RED_ZONE | SLAB_POISON)) !== 0) return cache.object_size;
  const outside = SLAB_STORE_USER | SLAB_TYPESAFE_BY_RCU;
  return (cache.flags & outside) !== 0 ? cache.inuse : cache.size;
}
