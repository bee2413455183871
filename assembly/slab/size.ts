/**
 * From an object's size to the shape of its slabs: pure arithmetic, no state.
 *
 * The numbers decide how often the slow paths run, so they are the kernel's to the digit: the
 * golden vectors in the tests hold for all sizes and CPU counts.
 * Kernel: mm/slub.c calculate_order(), calculate_sizes(), set_cpu_partial(),
 * mm/slab_common.c calculate_alignment(); 6.18.
 */
import { div_round_up, fls, get_order, ilog2 } from "../base/bits";
import {
  ARCH_KMALLOC_MINALIGN,
  CACHE_LINE,
  MAX_OBJS_PER_PAGE,
  MAX_PAGE_ORDER,
  MAX_PARTIAL,
  MIN_PARTIAL,
  PAGE_SHIFT,
  PAGE_SIZE,
  SLAB_ACCOUNT,
  SLAB_HWCACHE_ALIGN,
  SLAB_TYPESAFE_BY_RCU,
  SLUB_MAX_ORDER,
} from "../base/config";
import { KmemCache, align_up } from "../base/layout";
import { STAMP_BYTES } from "./debug";
import { debug_layout, is_debug_cache } from "./debug_layout";
import { CHARGE_BYTES } from "./memcg_slab";
import { RECIPROCAL_SHIFT } from "./object";

/** calculate_order() found no order that holds even one object. */
export const NO_ORDER: u32 = 0xffff_ffff;

function order_objects(order: u32, size: u32): u32 {
  return <u32>(((<usize>PAGE_SIZE) << order) / size);
}

/** @returns order << 16 | objects per slab. */
export function oo_make(order: u32, size: u32): u32 {
  return (order << 16) | min(order_objects(order, size), MAX_OBJS_PER_PAGE);
}

/** @returns bytes that an object takes of its slab: itself, and who it is charged to. */
export function object_room(cache: KmemCache): u32 {
  return (cache.flags & SLAB_ACCOUNT) !== 0 ? cache.size + CHARGE_BYTES : cache.size;
}

/** The first order from `min_order` that wastes at most 1/fraction; SLUB_MAX_ORDER + 1 if none. */
function calc_slab_order(size: u32, min_order: u32, fraction: u32): u32 {
  let order = min_order;
  for (; order <= SLUB_MAX_ORDER; order++) {
    const slab_size = (<u32>PAGE_SIZE) << order;
    if (slab_size % size <= slab_size / fraction) break;
  }
  return order;
}

/**
 * @param size bytes from one object to the next
 * @param cpus CPUs of the heap: more CPUs want more objects per slab
 * @returns the preferred order of a slab, or NO_ORDER if no block holds one object
 */
export function calculate_order(size: u32, cpus: u32): u32 {
  const max_objects = max(order_objects(SLUB_MAX_ORDER, size), 1);
  const min_objects = min(4 * (fls(cpus) + 1), max_objects);
  const min_order = get_order(<usize>min_objects * size);
  if (order_objects(min_order, size) > MAX_OBJS_PER_PAGE) {
    return get_order(<usize>size * MAX_OBJS_PER_PAGE) - 1;
  }
  for (let fraction: u32 = 16; fraction > 1; fraction >>= 1) {
    const order = calc_slab_order(size, min_order, fraction);
    if (order <= SLUB_MAX_ORDER) return order;
  }
  const order = get_order(size);
  return order <= MAX_PAGE_ORDER ? order : NO_ORDER;
}

/** @returns the alignment of objects: what was asked for, what the line wants, at least 8. */
export function calculate_alignment(flags: u32, align: u32, size: u32): u32 {
  let result = max(align, <u32>ARCH_KMALLOC_MINALIGN);
  if ((flags & SLAB_HWCACHE_ALIGN) !== 0) {
    // A whole line, or the part of one that still holds the object.
    let line = <u32>CACHE_LINE;
    while (size <= line >> 1) line >>= 1;
    result = max(result, line);
  }
  return result;
}

/** @returns the alignment kmalloc promises for a bucket: its largest power-of-two divisor. */
export function kmalloc_alignment(size: u32): u32 {
  return size & (~size + 1);
}

/** @returns free objects that a CPU may keep on percpu partial slabs. */
function cpu_partial_objects(size: u32): u32 {
  if (size >= <u32>PAGE_SIZE) return 6;
  if (size >= 1024) return 24;
  if (size >= 256) return 52;
  return 120;
}

/**
 * Fill in everything that follows from object_size, align and ctor.
 *
 * @returns false if no slab could hold an object. Context: the cache is not in use yet.
 */
export function calculate_sizes(cache: KmemCache, cpus: u32): bool {
  const word: usize = 4;
  let size = <u32>align_up(cache.object_size, word);
  cache.inuse = size;
  if (cache.ctor !== 0 || (cache.flags & SLAB_TYPESAFE_BY_RCU) !== 0) {
    cache.offset = size;
    size += <u32>word + STAMP_BYTES;
  } else {
    cache.offset = (cache.object_size >> 1) & ~(<u32>word - 1);
    if (STAMP_BYTES !== 0 && cache.offset < STAMP_BYTES) {
      // A debug stamp takes the first word, also of objects that are hardly larger: then the
      // pointer makes them larger, and still lies inside.
      cache.offset = STAMP_BYTES;
      size = max(size, STAMP_BYTES + <u32>word);
      cache.inuse = size;
    }
  }
  size = <u32>align_up(size, cache.align);
  if (isDefined(SLUB_DEBUG)) size = debug_layout(cache, size);
  cache.size = size;
  cache.reciprocal_size = (((<u64>1) << RECIPROCAL_SHIFT) + size - 1) / size;
  // The order is the kernel's for `size`, unless the vector of charges leaves no room for one
  // object; how many objects there are depends on both.
  const room = object_room(cache);
  const least = get_order(room);
  const order = max(calculate_order(size, cpus), least);
  if (order > MAX_PAGE_ORDER) return false;
  cache.oo = oo_make(order, room);
  cache.min = oo_make(least, room);
  cache.min_partial = min(max(ilog2(size) >> 1, MIN_PARTIAL), MAX_PARTIAL);
  cache.cpu_partial = cpu_partial_objects(size);
  if (isDefined(SLUB_DEBUG)) {
    if (is_debug_cache(cache)) cache.cpu_partial = 0;
  }
  cache.cpu_partial_slabs = div_round_up(cache.cpu_partial * 2, cache.oo & 0xffff);
  return true;
}

/** Largest object a cache may have: one block. */
export const MAX_OBJECT_SIZE: usize = PAGE_SIZE << MAX_PAGE_ORDER;

if (PAGE_SHIFT !== 12) ERROR("the golden vectors are those of 4 KiB pages");
