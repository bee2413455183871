/**
 * Objects: where they lie in their slab, and the free pointer inside a free one.
 *
 * ```
 * object                    address given to the user
 * object + cache.offset     free pointer: next free object or 0 (only while the object is free)
 * object + cache.inuse      end of what the user may write; metadata from here
 * object + cache.size       next object
 * ```
 * The pointer lies in the middle of the object, out of the way of small overruns, or behind it
 * where the free object must stay as its constructor left it.
 * Kernel: mm/slub.c "Object layout", get_freepointer(), set_freepointer(); 6.18.
 */
import { GFP_ZERO } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { page_address } from "../page/page";

/** reciprocal_size has this many fraction bits: exact for slabs up to 4 MiB. */
export const RECIPROCAL_SHIFT: u64 = 44;

/** @returns the next free object after a free one. Safe to call, not to trust, after a race. */
export function get_freepointer(cache: KmemCache, object: usize): usize {
  return <usize>load<u32>(object + cache.offset);
}

/** Link a free object that this CPU owns to `next`. */
export function set_freepointer(cache: KmemCache, object: usize, next: usize): void {
  store<u32>(object + cache.offset, <u32>next);
}

/** Clear an object if `gfp` asks for it. @returns `object`, which may be 0: none. */
export function zero_object(cache: KmemCache, object: usize, gfp: u32): usize {
  if (object !== 0 && (gfp & GFP_ZERO) !== 0) memory.fill(object, 0, cache.object_size);
  return object;
}

/** @returns the index of the object that `address` lies in; address inside the slab. */
export function obj_to_index(cache: KmemCache, slab: Slab, address: usize): u32 {
  const offset = <u64>(address - page_address(slab));
  return <u32>((offset * cache.reciprocal_size) >> RECIPROCAL_SHIFT);
}

/** @returns the address of object `index`. */
export function index_to_obj(cache: KmemCache, slab: Slab, index: u32): usize {
  return page_address(slab) + <usize>index * cache.size;
}
