/**
 * What the debug build adds: a stamp in every free object, so that any double free is seen, not
 * only one of the object freed last.
 *
 * The stamp is the first word of a free object, or, where free objects must stay as they are, a
 * word behind the free pointer. It is salted with the address, so user data looks like it once in
 * 2^32 times; such a free is refused although it was right, which leaks the object and harms
 * nothing else. Caches with slab_debug know better ways and have no stamps. Other builds compile
 * all of this to nothing.
 */
import { KmemCache } from "../base/layout";
import { is_debug_cache } from "./debug_layout";

/** Bytes that this build adds behind free pointers which lie behind their objects. */
export const STAMP_BYTES: u32 = isDefined(SLUB_DEBUG) ? 4 : 0;

function stamp_of(object: usize): u32 {
  return 0x6b6b_6b6b ^ (<u32>object * 0x9e37_79b1);
}

function stamp_address(cache: KmemCache, object: usize): usize {
  return cache.offset >= cache.inuse ? object + cache.inuse + 4 : object;
}

/** The object becomes free. */
export function debug_free(cache: KmemCache, object: usize): void {
  if (isDefined(SLUB_DEBUG)) {
    if (!is_debug_cache(cache)) store<u32>(stamp_address(cache, object), stamp_of(object));
  }
}

/** The object goes to a user; 0 is no object. */
export function debug_alloc(cache: KmemCache, object: usize): void {
  if (isDefined(SLUB_DEBUG)) {
    if (object !== 0 && !is_debug_cache(cache)) store<u32>(stamp_address(cache, object), 0);
  }
}

/** @returns true if the object carries the stamp of a free one; false in other builds. */
export function debug_is_free(cache: KmemCache, object: usize): bool {
  if (isDefined(SLUB_DEBUG)) {
    return !is_debug_cache(cache) && load<u32>(stamp_address(cache, object)) === stamp_of(object);
  }
  return false;
}
