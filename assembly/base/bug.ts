/**
 * Invariants that must hold in every build: a broken one stops this CPU with a trap.
 *
 * asc compiles `assert` to a trap without text (`--use abort=`), and `noAssert` builds drop it.
 * `BUG_ON` stays: it is for states in which going on would hand out memory twice.
 * Kernel: include/asm-generic/bug.h.
 */

/** Trap if `broken` holds. Context: any. */
export function BUG_ON(broken: bool): void {
  if (broken) unreachable();
}

// Why a free or an argument was refused; what the host's reports are written from.
export const REFUSED_NONE: u32 = 0;
/** Outside the heap's pages. */
export const REFUSED_WILD: u32 = 1;
/** In a page that holds no live allocation. */
export const REFUSED_FREE_PAGE: u32 = 2;
/** Inside an object or a large allocation, not at its start. */
export const REFUSED_INTERIOR: u32 = 3;
/** An object of another cache. */
export const REFUSED_FOREIGN: u32 = 4;
/** Already free. */
export const REFUSED_DOUBLE: u32 = 5;
/** A large allocation given to a nolock free. */
export const REFUSED_LARGE_NOLOCK: u32 = 6;

// Why a cache was not made: CpuArea.bug_code after kmem_cache_create() returned 0.
/** Another cache has the name, or it is kept for the heap's own. */
export const REFUSED_NAME: u32 = 7;
/** No entry of the cache table is free. */
export const REFUSED_TABLE: u32 = 8;
/** No block holds one object with all that it needs around it, or there is no such alignment. */
export const REFUSED_SIZE: u32 = 9;
/** No memory for the tables of the cache. */
export const REFUSED_MEMORY: u32 = 10;
