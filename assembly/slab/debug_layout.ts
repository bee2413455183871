/**
 * Where an object of a debug cache has what (SLUB_DEBUG builds; words are of 4 bytes).
 *
 * ```
 * object - red_left_pad   left red zone        (SLAB_RED_ZONE)
 * object                  object_size bytes; of kmalloc caches that track it the user asked for
 *                         orig_size of them, and the rest is red zone too
 * object + object_size    right red zone, or alignment padding, up to inuse
 * object + inuse          free pointer, where it may not lie inside the object
 * ... info end            Track of the allocation, Track of the free, orig_size (SLAB_STORE_USER)
 * ... size                padding up to the left red zone of the next object
 * ```
 * Kernel: mm/slub.c calculate_sizes(), get_info_end(), slub_debug_orig_size(); 6.18.
 */
import { get_order } from "../base/bits";
import {
  OBJECT_POISON,
  SLAB_DEBUG_FLAGS,
  SLAB_KEEP_ORDER,
  SLAB_KMALLOC,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
  SLAB_TYPESAFE_BY_RCU,
} from "../base/config";
import { KmemCache, align_up } from "../base/layout";
import { TRACK_SIZE } from "../base/layout_track";

const WORD: u32 = 4;
/** What slab_debug=O gives up where it would make slabs larger (kernel: DEBUG_METADATA_FLAGS). */
const METADATA_FLAGS: u32 = SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;

/** @returns true if the cache has no cpu slabs and all its state is under list_lock. */
export function is_debug_cache(cache: KmemCache): bool {
  return (cache.flags & SLAB_DEBUG_FLAGS) !== 0;
}

/** @returns true if objects remember how many bytes were asked for. */
export function tracks_orig_size(cache: KmemCache): bool {
  const both = SLAB_STORE_USER | SLAB_KMALLOC;
  return (cache.flags & both) === both;
}

/** @returns true if the free pointer lies behind the object. */
export function freeptr_outside_object(cache: KmemCache): bool {
  return cache.offset >= cache.inuse;
}

/** @returns offset of what lies behind object and free pointer. */
export function get_info_end(cache: KmemCache): u32 {
  return freeptr_outside_object(cache) ? cache.inuse + WORD : cache.inuse;
}

/** @returns offset of the padding behind everything an object has. */
export function get_pad_start(cache: KmemCache): u32 {
  let at = get_info_end(cache);
  if ((cache.flags & SLAB_STORE_USER) !== 0) at += 2 * <u32>TRACK_SIZE;
  return tracks_orig_size(cache) ? at + WORD : at;
}

/** @returns offset at which the next object's left red zone starts. */
export function size_from_object(cache: KmemCache): u32 {
  return cache.size - cache.red_left_pad;
}

/** @returns address of the bytes the user asked for, of an object that tracks them. */
export function orig_size_address(cache: KmemCache, object: usize): usize {
  return object + get_info_end(cache) + 2 * TRACK_SIZE;
}

/** @returns how many bytes the user asked for; object_size where nobody keeps it. */
export function get_orig_size(cache: KmemCache, object: usize): u32 {
  if (!tracks_orig_size(cache)) return cache.object_size;
  // A damaged word must not make a check run away.
  return min(load<u32>(orig_size_address(cache, object)), cache.object_size);
}

/** Remember how many bytes were asked for, where the cache does. */
export function set_orig_size(cache: KmemCache, object: usize, size: u32): void {
  if (tracks_orig_size(cache)) store<u32>(orig_size_address(cache, object), size);
}

function freeptr_must_be_outside(cache: KmemCache): bool {
  const flags = cache.flags;
  if (cache.ctor !== 0 || (flags & (SLAB_TYPESAFE_BY_RCU | SLAB_POISON)) !== 0) return true;
  // Its place inside would lie in a red zone.
  const inside = cache.object_size >= WORD && !tracks_orig_size(cache);
  return (flags & SLAB_RED_ZONE) !== 0 && !inside;
}

/** Fill in inuse, offset and red_left_pad. @returns bytes from one object to the next. */
function lay_out(cache: KmemCache): u32 {
  const red = (cache.flags & SLAB_RED_ZONE) !== 0;
  let size = <u32>align_up(cache.object_size, WORD);
  // The right red zone is never empty.
  if (red && size === cache.object_size) size += WORD;
  cache.inuse = size;
  cache.offset = freeptr_must_be_outside(cache) ? size : (cache.object_size >> 1) & ~(WORD - 1);
  size = get_pad_start(cache);
  cache.red_left_pad = red ? <u32>align_up(WORD, cache.align) : 0;
  if (red) size += WORD + cache.red_left_pad;
  return <u32>align_up(size, cache.align);
}

/**
 * Lay the objects of a cache out by its flags; it may lose some of them to slab_debug=O.
 *
 * @param plain what the size is without debugging, for which inuse and offset are filled in
 * @returns bytes from one object to the next. Context: the cache is not in use yet.
 */
export function debug_layout(cache: KmemCache, plain: u32): u32 {
  cache.red_left_pad = 0;
  const inuse = cache.inuse;
  const offset = cache.offset;
  const keep = (cache.flags & SLAB_KEEP_ORDER) !== 0;
  if (is_debug_cache(cache)) {
    const size = lay_out(cache);
    if (keep && get_order(size) > get_order(cache.object_size)) {
      cache.flags = cache.flags & ~METADATA_FLAGS;
    }
  }
  if (!is_debug_cache(cache)) {
    cache.inuse = inuse;
    cache.offset = offset;
    cache.red_left_pad = 0;
    return plain;
  }
  const constructed = cache.ctor !== 0 || (cache.flags & SLAB_TYPESAFE_BY_RCU) !== 0;
  const poisoned = (cache.flags & SLAB_POISON) !== 0 && !constructed;
  cache.flags = poisoned ? cache.flags | OBJECT_POISON : cache.flags & ~OBJECT_POISON;
  return lay_out(cache);
}
