/**
 * lockdep: does every lock come in the order that slab/README.md gives? (SLUB_DEBUG builds.)
 */

/** The lock at `lock` is about to be asked for, as hard as `mode`. */
export function lockdep_acquire(_lock: usize, _mode: u32): void {}

/** It is held now. */
export function lockdep_acquired(_lock: usize): void {}

/** It is about to be released. */
export function lockdep_release(_lock: usize): void {}
