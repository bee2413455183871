/**
 * Objects: where they lie in their slab, and the free pointer inside a free one.
 *
 * ```
 * object                    address given to the user
 * object + cache.offset     free pointer: next free object or 0 (only while the object is free)
 * object + cache.inuse      end of what the user may write; metadata from here
 * object + cache.size       next object
 * ```
 * Caches with slab_debug add red zones, padding and tracks (slab/debug_layout.ts).
 *
 * The pointer lies in the middle of the object, out of the way of small overruns, or behind it
 * where the free object must stay as its constructor left it.
 * Kernel: mm/slub.c "Object layout", get_freepointer(), set_freepointer(); 6.18.
 */
import { BUG_ON } from "../base/bug";
import { KmemCache, Slab } from "../base/layout";
import { page_address } from "../page/page";

/** reciprocal_size has this many fraction bits: exact for slabs up to 4 MiB. */
export const RECIPROCAL_SHIFT: u64 = 44;

/**
 * Encode or decode what a free pointer's slot holds: the pointer XOR the cache's secret XOR the
 * slot's address, bytes swapped so that its random bits meet the pointer's (kernel:
 * freelist_ptr_encode(), SLAB_FREELIST_HARDENED). NULL is encoded like any other pointer.
 */
function freelist_ptr_code(cache: KmemCache, pointer: u32, slot: usize): u32 {
  if (isDefined(SLUB_HARDENED)) {
    const secret = cache.random;
    if (secret !== 0) return pointer ^ secret ^ bswap<u32>(<u32>slot);
  }
  return pointer;
}

/** @returns the next free object after a free one. Safe to call, not to trust, after a race. */
export function get_freepointer(cache: KmemCache, object: usize): usize {
  const slot = object + cache.offset;
  return <usize>freelist_ptr_code(cache, load<u32>(slot), slot);
}

/** Link a free object that this CPU owns to `next`. Traps on a circle of one if hardened. */
export function set_freepointer(cache: KmemCache, object: usize, next: usize): void {
  const slot = object + cache.offset;
  if (isDefined(SLUB_HARDENED)) BUG_ON(cache.random !== 0 && object === next);
  store<u32>(slot, freelist_ptr_code(cache, <u32>next, slot));
}

/** @returns the index of the object that `address` lies in; address inside the slab. */
export function obj_to_index(cache: KmemCache, slab: Slab, address: usize): u32 {
  const offset = <u64>(address - page_address(slab));
  return <u32>((offset * cache.reciprocal_size) >> RECIPROCAL_SHIFT);
}

/** @returns the address of a slab's first object: behind its left red zone, if it has one. */
export function first_object(cache: KmemCache, slab: Slab): usize {
  const start = page_address(slab);
  return isDefined(SLUB_DEBUG) ? start + cache.red_left_pad : start;
}

/** @returns the address of object `index`. */
export function index_to_obj(cache: KmemCache, slab: Slab, index: u32): usize {
  return first_object(cache, slab) + <usize>index * cache.size;
}
