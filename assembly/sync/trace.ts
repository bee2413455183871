/**
 * Trace points: where the host may look, and call back, as a BPF program attached to a tracepoint
 * or a kprobe does. Compiled only into SLUB_TRACE builds; elsewhere they are nothing at all.
 *
 * The host's handler runs in callback context, so whatever it calls behaves as its nolock twin.
 * Handlers may be entered from within handlers; a host that does not want that counts.
 * kmalloc_nolock() and kfree_nolock() emit no kmalloc and kfree events (as in the kernel).
 */
import { call_trace } from "../base/host";
import { CALLBACK, context_enter, context_exit } from "./context";

// Events, and what a, b, c are. Kernel: include/trace/events/kmem.h, lock.h, where it has them.
/** kmalloc(): address or 0, size, gfp. */
export const TRACE_KMALLOC: u32 = 1;
/** kfree(): address. */
export const TRACE_KFREE: u32 = 2;
/** kmem_cache_alloc(): address or 0, cache, gfp. */
export const TRACE_KMEM_CACHE_ALLOC: u32 = 3;
/** kmem_cache_free(): address, cache. */
export const TRACE_KMEM_CACHE_FREE: u32 = 4;
/** A slab came from the page allocator: slab, cache, order. */
export const TRACE_SLAB_ALLOC: u32 = 5;
/** A slab goes back: slab, cache, order. */
export const TRACE_SLAB_FREE: u32 = 6;
/** A lock was not free at once: address of its word, LOCK_*. */
export const TRACE_CONTENTION_BEGIN: u32 = 7;
/** The wait is over: address, 1 if it was got. */
export const TRACE_CONTENTION_END: u32 = 8;
/** An object is to be deferred, or once more: address, cache. */
export const TRACE_DEFER: u32 = 9;
/** A slab was deferred: slab, cache. */
export const TRACE_DEFER_SLAB: u32 = 10;
/** A deferred list was drained: objects, cache of the last, DEFER_DRAIN_*. */
export const TRACE_DRAIN: u32 = 11;
/** A lock is held: address. At the points where the kernel asserts it (kprobes attach there). */
export const TRACE_HELD: u32 = 12;
/** A lock was released: address. */
export const TRACE_UNLOCK: u32 = 13;

/** Tell the host. Context: any. */
export function trace(event: u32, a: usize, b: usize, c: usize): void {
  if (isDefined(SLUB_TRACE)) {
    context_enter(CALLBACK);
    call_trace(event, a, b, c);
    context_exit(CALLBACK);
  }
}
