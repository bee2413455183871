/**
 * Flags and special values under their kernel names; the values are the allocator's own.
 *
 * A test compares each with the constant that the wasm exports.
 * Kernel: include/linux/gfp_types.h, include/linux/slab.h.
 */

/** An ordinary allocation: may wait and may grow the memory. The default. */
export const GFP_KERNEL = 0;
/** Clear the object before handing it out. */
export const __GFP_ZERO = 0x1;
/** Charge the object to the memory control group of the CPU, if it has one. */
export const __GFP_ACCOUNT = 0x2;
/** Every flag an allocation takes. */
export const GFP_MASK = __GFP_ZERO | __GFP_ACCOUNT;

/** Align objects to cache lines: larger objects, no false sharing between CPUs. */
export const SLAB_HWCACHE_ALIGN = 0x1;
/** Charge every object to the memory control group of the CPU that allocates it. */
export const SLAB_ACCOUNT = 0x4;
/**
 * A freed object may be another's at once, but it stays an object of this cache until a grace
 * period is over: readers may look first and ask afterwards whether it is still the one.
 */
export const SLAB_TYPESAFE_BY_RCU = 0x8;
/** Change the slabs of this cache under a lock each, as without a double cmpxchg. */
export const SLAB_NO_CMPXCHG = 0x10;
/** slab_debug F: check objects and lists at every allocation and free. */
export const SLAB_CONSISTENCY_CHECKS = 0x100;
/** slab_debug Z: red zones around objects. */
export const SLAB_RED_ZONE = 0x200;
/** slab_debug P: fill free objects and padding. */
export const SLAB_POISON = 0x400;
/** slab_debug U: remember who allocated and who freed. */
export const SLAB_STORE_USER = 0x800;
/** slab_debug T: report every allocation and free. */
export const SLAB_TRACE = 0x1000;
/** The flags of slab_debug, which need the build `debug` or `trace`. */
export const SLAB_DEBUG_FLAGS =
  SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE;
/** Every flag `kmemCacheCreate()` takes. */
export const SLAB_MASK =
  SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT | SLAB_TYPESAFE_BY_RCU | SLAB_NO_CMPXCHG | SLAB_DEBUG_FLAGS;

/** As a node: whichever is nearest. */
export const NUMA_NO_NODE = -1;
/** What an allocation of 0 bytes returns: no memory, freed for nothing. 0 itself is NULL. */
export const ZERO_SIZE_PTR = 16;
