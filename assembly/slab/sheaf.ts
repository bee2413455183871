/**
 * Sheaves: arrays of free objects in front of the slabs, one or two for each CPU and cache.
 *
 * ```
 *            +0     +4     +8         +12      +16
 * a sheaf:   link   size   capacity   0        object, object, ...
 *                                     ^ top of an empty one    ^ end: where the last one fits
 * ```
 * What a CPU holds of a cache is in KmemCacheCpu: `main`, which the fast paths pop and push through
 * `top`, with full ones below it, and empty ones that `spare` leads to (slab/pcs_stack.ts). A CPU
 * that has no sheaf yet, and every cache that gets none, has `top` and `end` at a word of zeros in
 * the heap's header: empty for an allocation, full for a free, so that no fast path asks whether
 * there is a sheaf.
 *
 * A local lock guards all of it where a handler can come in between: in the build for the machine,
 * and in those that call the host at trace points or in checks. In a build with SLUB_SHEAVES no
 * handler can: a Worker is never interrupted, constructors run in refills and growth alone, and
 * both come after the section. There the lock is nothing.
 * Kernel: mm/slub.c struct slab_sheaf, struct slub_percpu_sheaves; 7.0 - differs: `top` instead of
 * a size in the sheaf, which is one load less in a row; and what a flush or refill works on is the
 * slab layer of 6.18, cpu slabs included.
 */
import {
  HEAP_FAILSLAB,
  HEAP_RT,
  HEAP_SHEAF_BYTES,
  HEAP_SHEAF_CAPACITY_SHIFT,
  HEAP_SHEAF_KERNEL32,
  HEAP_SHEAVES,
  KMALLOC_MAX_CACHE_SIZE,
} from "../base/config";
import { HeapHeader, KmemCache, KmemCacheCpu } from "../base/layout";
import { MAX_SHEAF_CAPACITY, SHEAF_OBJECTS, Sheaf } from "../base/layout_sheaf";
import { local_trylock_irqsave, local_unlock_section } from "../sync/local_lock";
import { cpu_area, header, heap_base } from "../sync/percpu";
import { stat_verbose } from "../sync/stat";
import { bucket_size, size_index } from "./cache_table";
import { irq_work_check } from "./drain";

/** Full sheaves of a cache that a barn keeps, as bytes of objects. */
export const BARN_BYTES: u32 = 512 * 1024;
/** But as many in any case. Kernel: MAX_FULL_SHEAVES is 10. */
export const BARN_MIN_FULL: u32 = 2;
/** Full sheaves of a cache that a CPU keeps below `main`, as bytes of objects; but one at least. */
export const PCS_BYTES: u32 = 64 * 1024;
/** Empty ones that nobody exchanged for full ones. Kernel: MAX_EMPTY_SHEAVES. */
export const MAX_EMPTY_SHEAVES: u32 = 10;

/** @returns true if the per-CPU layer of this heap are sheaves. Context: any. */
export function has_sheaves(): bool {
  if (isDefined(SLUB_SHEAVES)) return true;
  if (isDefined(SLUB_PERCPU_OPTION)) return (header().options & HEAP_SHEAVES) !== 0;
  return false;
}

/** Count what went past the sheaves of a heap that has them. Context: any. */
export function count_past_sheaves(cache: KmemCache, item: u32): void {
  if (isDefined(SLUB_STATS)) {
    if (has_sheaves()) stat_verbose(cache, item);
  }
}

/** Bytes before the objects of the kernel's own sheaf on 32 bits, which HEAP_SHEAF_KERNEL32 has. */
const KERNEL32_HEADER: u32 = 20;

/** HEAP_SHEAF_BYTES: a sheaf of objects below 1 KiB holds at most so many bytes of them. */
const SHEAF_BYTES: u32 = 24 * 1024;

/** @returns objects that a sheaf of objects of `size` bytes has room for at least. */
function capacity_for(size: u32, options: u32): u32 {
  if (size >= 4096) return 4;
  if (size >= 1024) return 12;
  const kernel: u32 = size >= 256 ? 26 : 60;
  if ((options & HEAP_SHEAF_BYTES) === 0) return kernel;
  // What fills a bucket of 1 KiB, 512 or 256 bytes.
  const most = SHEAF_BYTES / size;
  if (most >= 252) return 252;
  return max(kernel, most >= 124 ? <u32>124 : most >= 60 ? <u32>60 : <u32>0);
}

/**
 * @param wish objects that it should have room for at least, or 0
 * @returns objects in a sheaf of `cache`: as many as fill the kmalloc bucket that it comes from; 0:
 * it gets none. Those have slab_debug, whose objects come one by one. Where sheaves are compiled
 * in, no fast path asks for failslab or RT, and a heap with either does without. A sheaf's header
 * and objects are half as large as the kernel's on 64 bits, so the results are the same: 4, 12, 28,
 * 60. With HEAP_SHEAF_KERNEL32 they are those of 32 bits, whose header is the longer one: 11, 19,
 * 27, 123; with HEAP_SHEAF_BYTES more of small objects: 252 up to 96 bytes, 124 to 192, 60 to 408.
 * Context: the size table is there. Kernel: calculate_sheaf_capacity(), 7.0.
 */
export function calculate_sheaf_capacity(cache: KmemCache, asks: bool, wish: u32): u32 {
  if (!has_sheaves() || asks) return 0;
  if (isDefined(SLUB_SHEAVES)) {
    if ((header().options & (HEAP_RT | HEAP_FAILSLAB)) !== 0) return 0;
  }
  const options = header().options;
  const for_all = options >> HEAP_SHEAF_CAPACITY_SHIFT;
  const least = for_all !== 0 ? for_all : capacity_for(cache.size, options);
  const wanted = min(max(least, wish), MAX_SHEAF_CAPACITY);
  const before = (options & HEAP_SHEAF_KERNEL32) !== 0 ? KERNEL32_HEADER : <u32>SHEAF_OBJECTS;
  const bytes = min(before + (wanted << 2), <u32>KMALLOC_MAX_CACHE_SIZE);
  return (bucket_size(<u32>size_index(heap_base, bytes)) - before) >> 2;
}

/** @returns full sheaves that a barn of `cache` keeps. */
export function calculate_barn_full(cache: KmemCache): u32 {
  const capacity = cache.sheaf_capacity;
  return capacity === 0 ? 0 : max(BARN_BYTES / cache.size / capacity, BARN_MIN_FULL);
}

/** @returns full sheaves of `cache` that a CPU keeps below `main`, 1 at least. */
export function calculate_pcs_full(cache: KmemCache): u32 {
  return max(PCS_BYTES / cache.size / max(cache.sheaf_capacity, 1), <u32>1);
}

/** @returns bytes of a sheaf of `capacity` objects. */
export function sheaf_bytes(capacity: u32): usize {
  return SHEAF_OBJECTS + ((<usize>capacity) << 2);
}

/** @returns the address of the first object of a sheaf. */
export function sheaf_objects(sheaf: Sheaf): usize {
  return changetype<usize>(sheaf) + SHEAF_OBJECTS;
}

/**
 * Note that the memory of a sheaf is on its way: `by` 1; or where it belongs again: -1. Who dies
 * in between has lost it. Context: any; what comes in between leaves the count as it was.
 */
export function note_sheaf_move(by: u32): void {
  cpu_area().sheaf_moves += by;
}

function no_sheaf(): u32 {
  return <u32>(changetype<usize>(header()) + offsetof<HeapHeader>("no_sheaf"));
}

/** @returns true if a sheaf that is nobody's main has no room. */
export function is_full_sheaf(sheaf: Sheaf): bool {
  return sheaf.size >= sheaf.capacity;
}

/** Let the fast paths find no sheaf. Context: as forget_main(). */
export function hide_main(c: KmemCacheCpu): void {
  c.top = no_sheaf();
  c.end = no_sheaf();
}

/** Nobody has a sheaf here. Context: creation of the cache, or the section of `c`. */
export function forget_main(c: KmemCacheCpu): void {
  hide_main(c);
  c.main = 0;
}

/** @returns objects in `main`. Context: there is one, and `top` lies in it. */
export function main_size(c: KmemCacheCpu): u32 {
  return (c.top + 4 - <u32>sheaf_objects(changetype<Sheaf>(<usize>c.main))) >> 2;
}

/** Let `sheaf` be what the fast paths work on. Context: the section of `c`. */
export function set_main(c: KmemCacheCpu, sheaf: Sheaf): void {
  const below = <u32>sheaf_objects(sheaf) - 4;
  c.main = <u32>changetype<usize>(sheaf);
  c.end = below + ((<u32>sheaf.capacity) << 2);
  c.top = below + (sheaf.size << 2);
}

/** Write into `main`, if there is one, how many objects it has. Context: the section of `c`. */
export function write_main_size(c: KmemCacheCpu): void {
  if (c.main !== 0) changetype<Sheaf>(<usize>c.main).size = main_size(c);
}

/** @returns the object that was freed last to `main`, or 0. Context: the section of `c`. */
export function pop_main(c: KmemCacheCpu): usize {
  const top = <usize>c.top;
  const object = <usize>load<u32>(top);
  if (object !== 0) c.top = <u32>(top - 4);
  return object;
}

/**
 * Push onto `main`. The object first, then `top`: who dies between has kept what it held.
 *
 * @returns false if it is full. Context: the section of `c`.
 */
export function push_main(c: KmemCacheCpu, object: usize): bool {
  const top = <usize>c.top;
  if (<u32>top === c.end) return false;
  store<u32>(top, <u32>object, 4);
  c.top = <u32>(top + 4);
  return true;
}

function sheaf_lock(c: KmemCacheCpu): usize {
  return changetype<usize>(c) + offsetof<KmemCacheCpu>("sheaf_lock");
}

/**
 * Enter the section of a CPU's sheaves, if nobody here is in it. Context: any. Kernel: 7.0 only
 * tries, too: whoever misses goes to the slabs.
 */
export function pcs_trylock(c: KmemCacheCpu): bool {
  return isDefined(SLUB_SHEAVES) || local_trylock_irqsave(sheaf_lock(c));
}

/** Leave it. */
export function pcs_unlock(c: KmemCacheCpu): void {
  if (isDefined(SLUB_SHEAVES)) return;
  local_unlock_section(sheaf_lock(c));
  irq_work_check();
}
