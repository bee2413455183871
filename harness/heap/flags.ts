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
/** Every flag `kmemCacheCreate()` takes. */
export const SLAB_MASK = SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT | SLAB_TYPESAFE_BY_RCU;

/** As a node: whichever is nearest. */
export const NUMA_NO_NODE = -1;
/** What an allocation of 0 bytes returns: no memory, freed for nothing. 0 itself is NULL. */
export const ZERO_SIZE_PTR = 16;
