/**
 * What the fast path costs: loops that run inside wasm, and the yardstick to hold them against.
 *
 * `fastpath_pair` and `fastpath_batch` call kmalloc() and kfree() as a program linked with the
 * heap would. `handwritten_pair` is the shortest loop a person could write by hand for one size:
 * the same chain of dependent loads and stores (size table, freelist word, free pointer; page
 * descriptor, cache, cpu slab, free pointer, freelist word), with every test left out that a
 * real allocator needs. It works on the real heap's words, so both touch the same cache lines.
 */
import { NUMA_NO_NODE } from "../base/config";
import { CACHE_TABLE, KmemCache, Page, SIZE_INDEX } from "../base/layout";
import { CPU_CACHES } from "../base/layout_percpu";
import { kfree, kmalloc } from "../kmalloc/kmalloc";
import { kfree_nolock, kmalloc_nolock } from "../kmalloc/nolock";
import { virt_to_page } from "../page/page";
import { heap_base, this_cpu } from "../sync/percpu";

/** Does nothing: what a call from JavaScript costs by itself. */
export function empty(): void {}

/** `count` pairs of kmalloc(size) and kfree(). @returns pairs done; fewer when memory is out. */
export function fastpath_pair(count: u32, size: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const p = kmalloc(size, 0);
    if (p === 0) return i;
    kfree(p);
  }
  return count;
}

/** `count` pairs of kmalloc_nolock(size) and kfree_nolock(). @returns pairs done. */
export function nolock_pair(count: u32, size: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const p = kmalloc_nolock(size, 0, NUMA_NO_NODE);
    if (p === 0) return i;
    kfree_nolock(p);
  }
  return count;
}

/**
 * `count` batches of 16 allocations, then 16 frees in the order of allocation.
 *
 * @param array room for 16 addresses
 */
export function fastpath_batch(count: u32, size: usize, array: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    for (let slot: usize = 0; slot < 64; slot += 4) {
      store<u32>(array + slot, <u32>kmalloc(size, 0));
    }
    for (let slot: usize = 0; slot < 64; slot += 4) kfree(<usize>load<u32>(array + slot));
  }
  return count;
}

/**
 * The yardstick. The cpu slab of `size` must have a free object.
 *
 * @returns pairs done.
 */
export function handwritten_pair(count: u32, size: usize): u32 {
  const area = this_cpu;
  const base = heap_base;
  for (let i: u32 = 0; i < count; i++) {
    // Allocate: size to cache, pop.
    const index = <usize>load<u8>(base + ((size + 7) >> 3), SIZE_INDEX);
    const cache = base + CACHE_TABLE + (index << 8);
    const c = area + CPU_CACHES + (index << 6);
    const word = load<u64>(c);
    const object = <usize>(<u32>word);
    const offset = <usize>load<u32>(cache, offsetof<KmemCache>("offset"));
    const next = load<u32>(object + offset);
    store<u64>(c, ((word & 0xffff_ffff_0000_0000) + 0x100_0000_0000) | <u64>next);
    // Free: page to slab to cache, push.
    const slab = <usize>load<u32>(changetype<usize>(virt_to_page(object)), offsetof<Page>("head"));
    const owner = <usize>load<u32>(slab, offsetof<Page>("slab_cache"));
    const d = area + CPU_CACHES + ((owner - base - CACHE_TABLE) >> 2);
    if (<usize>load<u32>(d, 8) !== slab) return i;
    const then = load<u64>(d);
    store<u32>(object + <usize>load<u32>(owner, offsetof<KmemCache>("offset")), <u32>then);
    store<u64>(d, ((then & 0xffff_ffff_0000_0000) + 0x100_0000_0000) | <u64>object);
  }
  return count;
}
