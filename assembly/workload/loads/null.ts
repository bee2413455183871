/**
 * No heap at all: what a load costs by itself, which is taken off both sides where two heaps are
 * compared. Every allocation is the same block, so only loads that believe what they wrote are
 * not for it.
 */

/** Where the one block lies: the harness keeps everything else away from it. */
const BLOCK: usize = 0x10_0000;

/** @returns the same address for any size. */
export function null_malloc(_size: usize): usize {
  return BLOCK;
}

/** Nothing. */
export function null_free(_p: usize): void {}
