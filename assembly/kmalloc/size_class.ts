/**
 * From a size to a kmalloc cache, by a table of one byte per eight bytes of size.
 *
 * Kernel indices: 1 = 96, 2 = 192, otherwise log2 of the bucket, 3 (8) to 13 (8192). Size 0 maps
 * to entry 0 of the cache table, which no CPU ever has a slab of: the fast path needs no test for
 * it, it misses, and the slow path knows. Kernel: mm/slab_common.c kmalloc_slab(),
 * kmalloc_size_roundup(); 6.18.
 */
import { fls } from "../base/bits";
import { REFUSED_NONE } from "../base/bug";
import {
  GFP_ACCOUNT,
  KMALLOC_MAX_CACHE_SIZE,
  NAME_BYTES,
  NR_KMALLOC_CACHES,
  OWN_NAMES,
  SLAB_ACCOUNT,
} from "../base/config";
import { CACHE_TABLE, KMEM_CACHE_SHIFT, KmemCache, SIZE_INDEX } from "../base/layout";
import { cpu_area, header, heap_base } from "../sync/percpu";
import { bucket_size, cache_at, size_index } from "../slab/cache_table";
import { clear_cache, init_cache, release_cache } from "../slab/kmem_cache";
import { kmalloc_alignment } from "../slab/size";

/** @returns the index of the bucket for `size`, 1 .. 8192, computed. */
function bucket_index(size: u32): u32 {
  if (size <= 8) return 3;
  if (size > 64 && size <= 96) return 1;
  if (size > 128 && size <= 192) return 2;
  return fls(size - 1);
}

/**
 * @returns the cache that serves `size`, at most KMALLOC_MAX_CACHE_SIZE; entry 0 for 0. With
 * __GFP_ACCOUNT on a CPU that has a group it is the kmalloc-cg cache of that size. Kernel:
 * kmalloc_slab(), kmalloc_type(); 6.18.
 */
export function kmalloc_slab(size: usize, gfp: u32): KmemCache {
  let index = size_index(heap_base, size);
  if ((gfp & GFP_ACCOUNT) !== 0 && cpu_area().memcg !== 0) index += header().cg_caches;
  return changetype<KmemCache>(heap_base + CACHE_TABLE + (index << KMEM_CACHE_SHIFT));
}

/** Fill the size table. Context: boot. */
export function init_size_index(base: usize): void {
  const table = base + SIZE_INDEX;
  store<u8>(table, 0);
  for (let size: u32 = 8; size <= <u32>KMALLOC_MAX_CACHE_SIZE; size += 8) {
    store<u8>(table + (size >> 3), <u8>bucket_index(size));
  }
}

/** Append `value` in decimal. @returns the address after it. */
function put_decimal(at: usize, value: u32): usize {
  let unit: u32 = 1;
  while (value / unit >= 10) unit *= 10;
  for (; unit > 0; unit /= 10) {
    store<u8>(at, <u8>(48 + ((value / unit) % 10)));
    at++;
  }
  return at;
}

/** Write the kernel's name of a bucket: kmalloc-64, kmalloc-1k, kmalloc-cg-64. */
function put_name(at: usize, size: u32, flags: u32): void {
  store<u64>(at, OWN_NAMES);
  at += 8;
  if ((flags & SLAB_ACCOUNT) !== 0) {
    // "cg-", little endian: no string may lie in the module's data.
    store<u32>(at, 0x2d_6763);
    at += 3;
  }
  if (size < 1024) {
    put_decimal(at, size);
  } else {
    store<u8>(put_decimal(at, size >> 10), 0x6b);
  }
}

/**
 * Create the thirteen caches of one type in entries `base` + 1 to `base` + 13, which are free.
 *
 * @param flags SLAB_*; SLAB_ACCOUNT makes the kmalloc-cg caches
 * @returns false if memory is out; then no entry is in use. Context: boot, or slab_mutex.
 */
export function create_kmalloc_caches(base: u32, flags: u32, mode: u32): bool {
  for (let index: u32 = 1; index < NR_KMALLOC_CACHES; index++) {
    const size = bucket_size(index);
    const cache = cache_at(base + index);
    clear_cache(cache);
    put_name(changetype<usize>(cache) + offsetof<KmemCache>("name"), size, flags);
    const alignment = kmalloc_alignment(size);
    if (init_cache(cache, base + index, size, alignment, flags, 0, 0, mode) !== REFUSED_NONE) {
      while (--index > 0) release_cache(cache_at(base + index), mode);
      return false;
    }
  }
  return true;
}

if (NAME_BYTES !== 32) ERROR("names are four words of KmemCache");
