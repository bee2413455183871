/**
 * The ABI: exports only. Names and meanings are documented where they are defined; a change of
 * either changes ABI_VERSION.
 *
 * Addresses and sizes are usize, which JavaScript sees as signed: `>>> 0` there. Functions named
 * `..._checked` are for callers that may be wrong; the others trust their arguments.
 */
import { GFP_ZERO, ZERO_SIZE_PTR } from "./base/config";
import { CpuArea, KmemCache } from "./base/layout";
import { kcalloc, kfree, kmalloc, krealloc, ksize } from "./kmalloc/kmalloc";
import { kfree_nolock } from "./kmalloc/nolock";
import { defer_free_barrier as barrier } from "./slab/barrier";
import { slab_alloc_bulk, free_bulk } from "./slab/bulk";
import { check_free } from "./slab/check";
import { slab_alloc } from "./slab/alloc";
import { irq_work_check } from "./slab/defer";
import { slab_alloc_nolock, nolock_busy } from "./slab/nolock";
import { kmalloc_slab } from "./kmalloc/size_class";
import { HARDIRQ, NMI, context_enter, context_exit, lock_mode } from "./sync/context";
import { cpu_area } from "./sync/percpu";
import { serve_growth } from "./page/grow";

export * from "./inspect/fields";
export { this_cpu } from "./sync/percpu";
export { heap_init, cpu_attach, cpu_offline } from "./kmalloc/boot";
export {
  kmalloc,
  kmalloc_node,
  kzalloc,
  kcalloc,
  krealloc,
  kfree,
  ksize,
  aligned_alloc,
} from "./kmalloc/kmalloc";
export { kmalloc_nolock, kfree_nolock } from "./kmalloc/nolock";
export { kmem_cache_create, kmem_cache_open, kmem_cache_destroy } from "./slab/kmem_cache";
export { preempt_count } from "./sync/context";

/** kfree() of what may be no object. @returns REFUSED_*; then nothing happened. */
export function kfree_checked(p: usize): u32 {
  const refused = check_free(p, 0, false);
  if (refused === 0) kfree(p);
  return refused;
}

/** kfree_nolock() of what may be no object. @returns REFUSED_*. */
export function kfree_nolock_checked(p: usize): u32 {
  const refused = check_free(p, 0, true);
  if (refused === 0) kfree_nolock(p);
  return refused;
}

/** @returns REFUSED_* for an address that kfree_checked() would refuse. */
export function check_object(p: usize): u32 {
  return check_free(p, 0, false);
}

/** Allocate `count` objects of `size` bytes (at most 8192) into `array`, all or none. */
export function kmalloc_bulk(size: usize, gfp: u32, count: u32, array: usize): u32 {
  return kmem_cache_alloc_bulk(changetype<usize>(kmalloc_slab(size)), gfp, count, array);
}

/** Free `count` slab objects, NULL and ZERO_SIZE_PTR among them. */
export function kfree_bulk(count: u32, array: usize): void {
  free_bulk(count, array);
}

/** Allocate from a cache. @returns 0 when out of memory. Context: any. */
export function kmem_cache_alloc(cache: usize, gfp: u32): usize {
  return zeroed(cache, slab_alloc(changetype<KmemCache>(cache), -1), gfp);
}

/** The same without waiting. @returns 0 also where this CPU is changing that very cache. */
export function kmem_cache_alloc_nolock(cache: usize, gfp: u32, node: i32): usize {
  const s = changetype<KmemCache>(cache);
  return nolock_busy(s) ? 0 : zeroed(cache, slab_alloc_nolock(s, node), gfp);
}

function zeroed(cache: usize, object: usize, gfp: u32): usize {
  if (object !== 0 && (gfp & GFP_ZERO) !== 0) {
    memory.fill(object, 0, changetype<KmemCache>(cache).object_size);
  }
  return object;
}

/** Free to a cache. */
export function kmem_cache_free(cache: usize, p: usize): void {
  kfree(p);
}

/** The same without waiting. */
export function kmem_cache_free_nolock(cache: usize, p: usize): void {
  kfree_nolock(p);
}

/** kmem_cache_free() of what may be no object of that cache. @returns REFUSED_*. */
export function kmem_cache_free_checked(cache: usize, p: usize): u32 {
  const refused = check_free(p, cache, false);
  if (refused === 0) kfree(p);
  return refused;
}

/** kmem_cache_free_nolock() of what may be no object of that cache. @returns REFUSED_*. */
export function kmem_cache_free_nolock_checked(cache: usize, p: usize): u32 {
  const refused = check_free(p, cache, true);
  if (refused === 0) kfree_nolock(p);
  return refused;
}

/** Allocate `count` objects of a cache into `array`, all or none. @returns count or 0. */
export function kmem_cache_alloc_bulk(cache: usize, gfp: u32, count: u32, array: usize): u32 {
  const done = slab_alloc_bulk(changetype<KmemCache>(cache), count, array);
  if ((gfp & GFP_ZERO) !== 0) {
    const bytes = changetype<KmemCache>(cache).object_size;
    for (let i: u32 = 0; i < done; i++) {
      memory.fill(<usize>load<u32>(array + ((<usize>i) << 2)), 0, bytes);
    }
  }
  return done;
}

/** Free `count` objects of a cache. */
export function kmem_cache_free_bulk(cache: usize, count: u32, array: usize): void {
  free_bulk(count, array);
}

/** C: malloc(). As kmalloc(); malloc(0) is ZERO_SIZE_PTR, which free() takes. */
export function malloc(size: usize): usize {
  return kmalloc(size, 0);
}

/** C: free(). */
export function free(p: usize): void {
  kfree(p);
}

/** C: calloc(). */
export function calloc(count: usize, size: usize): usize {
  return kcalloc(count, size);
}

/** C: realloc(). */
export function realloc(p: usize, size: usize): usize {
  return krealloc(p, size, 0);
}

/** C: malloc_usable_size(). */
export function malloc_usable_size(p: usize): usize {
  return p === ZERO_SIZE_PTR ? 0 : ksize(p);
}

/** Begin an NMI on this CPU: until nmi_exit() nothing waits. Nests up to 15 deep. */
export function nmi_enter(): void {
  context_enter(NMI);
}

/** End it; irq_work runs here if this was the outermost and no section was interrupted. */
export function nmi_exit(): void {
  context_exit(NMI);
  irq_work_check();
}

/** Begin an interrupt handler on this CPU. */
export function irq_enter(): void {
  context_enter(HARDIRQ);
}

/** End it, as nmi_exit(). */
export function irq_exit(): void {
  context_exit(HARDIRQ);
  irq_work_check();
}

/** Put the context word back: what a host does after its handler threw. */
export function set_preempt_count(value: u32): void {
  cpu_area().preempt_count = value;
  irq_work_check();
}

/** A safe point: run irq_work if it was raised, and grow if a nolock caller asked. */
export function poll(): void {
  irq_work_check();
  const mode = lock_mode();
  if (mode !== 0) serve_growth(mode);
}

/** Free all that was deferred, on whatever list of whatever CPU. Context: task. */
export function defer_free_barrier(): void {
  barrier();
}

/** Send the next deferral of this CPU to CPU `cpu`'s list (experiments: a migrated task). */
export function migrate_next_defer(cpu: u32): void {
  store<u32>(changetype<usize>(cpu_area()), cpu + 1, offsetof<CpuArea>("migrate_to"));
}
