/**
 * slab_mutex: the cache table, and flushing other CPUs' caches (kernel: mm/slab_common.c).
 *
 * Never taken on an allocation or free path. A CPU that may not sleep spins for it, since none
 * of its sections waits for anything but short locks.
 */
import { HeapHeader } from "../base/layout";
import { heap_base } from "../sync/percpu";
import { spin_lock, spin_unlock } from "../sync/spinlock";

export function slab_mutex_address(): usize {
  return heap_base + offsetof<HeapHeader>("slab_mutex");
}

/** Take it. @param mode LOCK_BOUNDED or LOCK_WAIT. Context: task, no lock held. */
export function lock_slab_mutex(mode: u32): void {
  while (!spin_lock(slab_mutex_address(), mode)) {}
}

/** Release it. */
export function unlock_slab_mutex(): void {
  spin_unlock(slab_mutex_address());
}
