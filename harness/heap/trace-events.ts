/**
 * The trace points of the build `trace` by number. assembly/sync/trace.ts says when each is passed
 * and what it carries; a test compares the two lists.
 */
export const TRACE_KMALLOC = 1;
export const TRACE_KFREE = 2;
export const TRACE_KMEM_CACHE_ALLOC = 3;
export const TRACE_KMEM_CACHE_FREE = 4;
export const TRACE_SLAB_ALLOC = 5;
export const TRACE_SLAB_FREE = 6;
export const TRACE_CONTENTION_BEGIN = 7;
export const TRACE_CONTENTION_END = 8;
export const TRACE_DEFER = 9;
export const TRACE_DEFER_SLAB = 10;
export const TRACE_DRAIN = 11;
export const TRACE_HELD = 12;
export const TRACE_UNLOCK = 13;
