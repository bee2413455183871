/**
 * The checks of slab_debug: of bytes, of one object, of one slab (SLUB_DEBUG builds).
 *
 * Each finding is reported first and then repaired, so that one overrun is reported once. A check
 * that returns false has reported. Context: list_lock of the slab's node.
 * Kernel: mm/slub.c check_bytes_and_report(), check_object(), check_slab(), slab_pad_check(),
 * on_freelist(); 6.18.
 */
import {
  OBJECT_POISON,
  PAGE_SIZE,
  POISON_END,
  POISON_FREE,
  POISON_INUSE,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLUB_RED_ACTIVE,
} from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { page_address } from "../page/page";
import {
  freeptr_outside_object,
  get_orig_size,
  get_pad_start,
  size_from_object,
} from "./debug_layout";
import {
  FIX_COUNT,
  FIX_FREELIST_CLEARED,
  FIX_OBJECTS,
  FIX_RESTORE,
  REPORT_ALIGNMENT_PADDING,
  REPORT_COUNT_WRONG,
  REPORT_DISABLED,
  REPORT_END_POISON,
  REPORT_FREECHAIN,
  REPORT_FREELIST_CYCLE,
  REPORT_FREEPOINTER,
  REPORT_INUSE_MAX,
  REPORT_KMALLOC_REDZONE,
  REPORT_LEFT_REDZONE,
  REPORT_OBJECTS_MAX,
  REPORT_OBJECTS_WRONG,
  REPORT_OBJECT_PADDING,
  REPORT_POISON,
  REPORT_RIGHT_REDZONE,
  REPORT_SLAB_FREEPOINTER,
  REPORT_SLAB_PADDING,
  object_err,
  report,
  slab_err,
} from "./debug_report";
import { first_object, get_freepointer, set_freepointer } from "./object";
import { object_room, oo_make } from "./size";
import {
  make_word,
  set_slab_word,
  slab_word,
  word_freelist,
  word_frozen,
  word_inuse,
  word_objects,
} from "./slab";

/** @returns true for NULL and the start of an object of this slab. */
export function check_valid_pointer(cache: KmemCache, slab: Slab, object: usize): bool {
  if (object === 0) return true;
  const offset = object - first_object(cache, slab);
  const objects = word_objects(slab_word(slab));
  // An address below the slab is a huge offset.
  return offset < <usize>objects * cache.size && offset % cache.size === 0;
}

/** Check that `bytes` bytes from `start` are all `value`; report and write them again if not. */
function check_bytes(
  cache: KmemCache,
  slab: Slab,
  object: usize,
  kind: u32,
  start: usize,
  value: u32,
  bytes: usize,
): bool {
  let from = start;
  let to = start + bytes;
  while (from < to && <u32>load<u8>(from) === value) from++;
  if (from === to) return true;
  while (<u32>load<u8>(to - 1) === value) to--;
  report(kind, cache, slab, object, from, to, value);
  report(FIX_RESTORE + kind, cache, slab, object, from, to, value);
  memory.fill(from, <u8>value, to - from);
  return false;
}

function check_red_zones(cache: KmemCache, slab: Slab, object: usize, red: u32): bool {
  const left = object - cache.red_left_pad;
  const right = object + cache.object_size;
  const tail = cache.inuse - cache.object_size;
  let ok = check_bytes(cache, slab, object, REPORT_LEFT_REDZONE, left, red, cache.red_left_pad);
  if (!check_bytes(cache, slab, object, REPORT_RIGHT_REDZONE, right, red, tail)) ok = false;
  if (red !== SLUB_RED_ACTIVE) return ok;
  const size = get_orig_size(cache, object);
  const rest = cache.object_size - size;
  return check_bytes(cache, slab, object, REPORT_KMALLOC_REDZONE, object + size, red, rest) && ok;
}

function check_poison(cache: KmemCache, slab: Slab, object: usize, red: u32): bool {
  let ok: bool = true;
  if (red !== SLUB_RED_ACTIVE && (cache.flags & OBJECT_POISON) !== 0) {
    const last = cache.object_size - 1;
    ok = check_bytes(cache, slab, object, REPORT_POISON, object, POISON_FREE, last);
    const end = object + last;
    if (!check_bytes(cache, slab, object, REPORT_END_POISON, end, POISON_END, 1)) ok = false;
  }
  const pad = get_pad_start(cache);
  const rest = size_from_object(cache) - pad;
  const padding = object + pad;
  return check_bytes(cache, slab, object, REPORT_OBJECT_PADDING, padding, POISON_INUSE, rest) && ok;
}

/**
 * Check everything around and, if it is free, in an object.
 *
 * @param red what it should be: SLUB_RED_ACTIVE in use, SLUB_RED_INACTIVE free
 */
export function check_object(cache: KmemCache, slab: Slab, object: usize, red: u32): bool {
  let ok: bool = true;
  if ((cache.flags & SLAB_RED_ZONE) !== 0) {
    ok = check_red_zones(cache, slab, object, red);
  } else if ((cache.flags & SLAB_POISON) !== 0) {
    const end = object + cache.object_size;
    const rest = cache.inuse - cache.object_size;
    ok = check_bytes(cache, slab, object, REPORT_ALIGNMENT_PADDING, end, POISON_INUSE, rest);
  }
  if ((cache.flags & SLAB_POISON) !== 0 && !check_poison(cache, slab, object, red)) ok = false;
  // Inside an object in use there is user data in its place.
  if (red === SLUB_RED_ACTIVE && !freeptr_outside_object(cache)) return ok;
  if (check_valid_pointer(cache, slab, get_freepointer(cache, object))) return ok;
  object_err(REPORT_FREEPOINTER, cache, slab, object);
  // The objects behind it are lost; the count will be wrong for it.
  set_freepointer(cache, object, 0);
  return false;
}

/** Check what lies behind the last object of a slab. */
function slab_pad_check(cache: KmemCache, slab: Slab): void {
  if ((cache.flags & SLAB_POISON) === 0) return;
  const bytes = (<usize>PAGE_SIZE) << slab.order;
  const room = object_room(cache);
  const objects = <usize>(oo_make(slab.order, room) & 0xffff);
  const start = page_address(slab) + objects * cache.size;
  // What objects are charged to lies at the very end.
  const rest = bytes - objects * room;
  check_bytes(cache, slab, 0, REPORT_SLAB_PADDING, start, POISON_INUSE, rest);
}

/** Check a slab's counters and the bytes behind its last object. */
export function check_slab(cache: KmemCache, slab: Slab): bool {
  const word = slab_word(slab);
  const most = oo_make(slab.order, object_room(cache)) & 0xffff;
  if (word_objects(word) > most) {
    slab_err(REPORT_OBJECTS_MAX, cache, slab, word_objects(word), most);
    return false;
  }
  if (word_inuse(word) > word_objects(word)) {
    slab_err(REPORT_INUSE_MAX, cache, slab, word_inuse(word), word_objects(word));
    return false;
  }
  if (word_frozen(word)) {
    slab_err(REPORT_DISABLED, cache, slab, 0, 0);
    return false;
  }
  slab_pad_check(cache, slab);
  return true;
}

/** Give up a freelist that cannot be followed: all objects count as in use. */
function clear_freelist(cache: KmemCache, slab: Slab, kind: u32, object: usize): bool {
  slab_err(kind, cache, slab, object, 0);
  const objects = word_objects(slab_word(slab));
  slab_err(FIX_FREELIST_CLEARED, cache, slab, 0, 0);
  set_slab_word(slab, make_word(0, objects, objects, false));
  return false;
}

/** Compare the counters with a freelist of `free` objects, and set them right. */
function check_counts(cache: KmemCache, slab: Slab, free: u32): void {
  const word = slab_word(slab);
  let objects = word_objects(word);
  const most = oo_make(slab.order, object_room(cache)) & 0xffff;
  if (objects !== most) {
    slab_err(REPORT_OBJECTS_WRONG, cache, slab, objects, most);
    slab_err(FIX_OBJECTS, cache, slab, 0, 0);
    objects = most;
  }
  const inuse = word_inuse(word);
  if (inuse !== objects - free) {
    slab_err(REPORT_COUNT_WRONG, cache, slab, inuse, objects - free);
    slab_err(FIX_COUNT, cache, slab, 0, 0);
  }
  set_slab_word(slab, make_word(word_freelist(word), objects - free, objects, word_frozen(word)));
}

/**
 * Follow a slab's freelist and set right what does not fit.
 *
 * @param search an object, or 0
 * @returns true if `search` is on it; for 0, true if the list could be followed.
 */
export function on_freelist(cache: KmemCache, slab: Slab, search: usize): bool {
  const objects = word_objects(slab_word(slab));
  let before: usize = 0;
  let object = word_freelist(slab_word(slab));
  let free: u32 = 0;
  while (object !== 0 && free <= objects) {
    if (object === search) return true;
    if (!check_valid_pointer(cache, slab, object)) {
      if (before === 0) return clear_freelist(cache, slab, REPORT_SLAB_FREEPOINTER, object);
      object_err(REPORT_FREECHAIN, cache, slab, before);
      set_freepointer(cache, before, 0);
      break;
    }
    before = object;
    object = get_freepointer(cache, object);
    free++;
  }
  if (free > objects) return clear_freelist(cache, slab, REPORT_FREELIST_CYCLE, 0);
  check_counts(cache, slab, free);
  return search === 0;
}
