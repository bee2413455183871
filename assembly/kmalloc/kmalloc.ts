/**
 * kmalloc() and its relatives: the C allocator of this heap.
 *
 * The fast path of an allocation is: size to cache by one table look-up, one test of the
 * context, pop the cpu freelist. That of a free: page descriptor, its cache, one comparison,
 * push. With sheaves they are others (sheaf_heap.ts). Everything else is in slow.ts.
 * Kernel: include/linux/slab.h, mm/slub.c kmalloc(), kfree(), krealloc(), ksize(); 6.18.
 */
import {
  ARCH_KMALLOC_MINALIGN,
  GFP_ZERO,
  KMALLOC_MAX_CACHE_SIZE,
  MAX_PAGE_ORDER,
  NUMA_NO_NODE,
  PAGE_SIZE,
} from "../base/config";
import { Slab } from "../base/layout";
import { CpuArea } from "../base/layout_percpu";
import { virt_to_page } from "../page/page";
import { size_index } from "../slab/cache_table";
import { try_pop, try_push } from "../slab/fast";
import { slab_free_missed } from "../slab/free";
import { has_sheaves } from "../slab/sheaf";
import { header, heap_base, this_cpu } from "../sync/percpu";
import { SheafHeap } from "./sheaf_heap";
import { kfree_slow, kmalloc_slow } from "./slow";

/**
 * Allocate `size` bytes, aligned to the largest power of two that divides the bucket's size,
 * at least 8.
 *
 * @param size bytes; 0 gives ZERO_SIZE_PTR
 * @param gfp GFP_KERNEL, __GFP_ZERO, __GFP_ACCOUNT
 * @returns the address, or 0 when out of memory. Context: any; outside a plain task as
 * kmalloc_nolock(), which gives at most 8192 bytes.
 */
export function kmalloc(size: usize, gfp: u32): usize {
  if (isDefined(SLUB_SHEAVES)) return SheafHeap.kmalloc(size, gfp);
  if (has_sheaves()) return kmalloc_slow(size, gfp, NUMA_NO_NODE);
  // One test for "a plain task that wants nothing special"; size 0 finds the empty entry 0.
  const area = this_cpu;
  if (size <= KMALLOC_MAX_CACHE_SIZE && (changetype<CpuArea>(area).preempt_count | gfp) === 0) {
    const base = heap_base;
    const object = try_pop(area, base, size_index(base, size));
    if (object !== 0) return object;
  }
  return kmalloc_slow(size, gfp, NUMA_NO_NODE);
}

/** kmalloc() with a preferred node; one that the heap does not have is no preference. */
export function kmalloc_node(size: usize, gfp: u32, node: i32): usize {
  const nodes = header().nr_nodes;
  if (nodes === 1 || <u32>node >= nodes) return kmalloc(size, gfp);
  return kmalloc_slow(size, gfp, node);
}

/** kmalloc() of zeroed memory: the whole bucket is zero. */
export function kzalloc(size: usize): usize {
  return kmalloc(size, GFP_ZERO);
}

/** Zeroed array of `count` elements. @returns 0 if count * size overflows. Context: kmalloc(). */
export function kcalloc(count: usize, size: usize): usize {
  const bytes = <u64>count * <u64>size;
  return bytes >> 32 !== 0 ? 0 : kzalloc(<usize>bytes);
}

/**
 * Free what any allocation of this heap gave. NULL and ZERO_SIZE_PTR are freed for nothing.
 *
 * `p` is trusted: check_free() asks first where it may be anything. Context: any; outside a plain
 * task it behaves as kfree_nolock().
 */
export function kfree(p: usize): void {
  if (isDefined(SLUB_SHEAVES)) {
    SheafHeap.kfree(p);
    return;
  }
  const address = <usize>virt_to_page(p).head;
  const area = this_cpu;
  if (!has_sheaves() && address !== 0 && changetype<CpuArea>(area).preempt_count === 0) {
    if (try_push(area, address, p)) return;
    slab_free_missed(changetype<Slab>(address), p);
    return;
  }
  kfree_slow(p, address);
}

/**
 * Allocate with a stricter alignment.
 *
 * @param align a power of two up to 4 MiB
 * @returns the address, or 0: out of memory, or no such alignment. Context: kmalloc().
 */
export function aligned_alloc(align: usize, size: usize): usize {
  if (align === 0 || (align & (align - 1)) !== 0) return 0;
  if (align <= ARCH_KMALLOC_MINALIGN) return kmalloc(size, 0);
  // Buckets of a power of two are aligned to it, and so are blocks of pages.
  const wanted = max(size, align);
  const block = PAGE_SIZE << MAX_PAGE_ORDER;
  if (wanted > block) return align <= block ? kmalloc(wanted, 0) : 0;
  const rounded: usize = 1 << (32 - clz<u32>(<u32>wanted - 1));
  const p = kmalloc(rounded, 0);
  if ((p & (align - 1)) === 0) return p;
  // Outside a plain task the next bucket may have served, whose alignment is less.
  kfree(p);
  return 0;
}
