/**
 * The heap a load is bound to when it is not linked with one: what C programs call. The harness
 * binds ours, that of another package, or none (null.ts) to it.
 */

/** @returns `size` bytes, or 0 */
export declare function malloc(size: usize): usize;

/** Give back what malloc() gave; 0 is nothing. */
export declare function free(p: usize): void;
