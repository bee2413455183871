/**
 * Ends of the sections in which irq_work must not run: the local lock's and list_lock's.
 *
 * irq_work runs where the outermost section of its CPU ends (kernel: the self-interrupt that
 * arrives at local_unlock_irqrestore()). So this file imports slab/drain.ts, which lies above it:
 * an unlock runs the deferred work, the work frees objects, a free takes locks. It is the one edge
 * that closes a circle in assembly/, and stands for an interrupt, which nobody calls either. At
 * run time the hardirq bit cuts it, which irq_work_run() holds while it works.
 */
import { KmemCacheCpu, KmemCacheNode } from "../base/layout";
import { cpu_cache_lock, local_lock_irqsave, local_unlock_section } from "../sync/local_lock";
import { note_miss } from "../sync/nolock_stat";
import { spin_lock, spin_lock_surely, spin_unlock } from "../sync/spinlock";
import { NOLOCK_NULL_LIST_LOCK } from "../sync/stat";
import { irq_work_check } from "./drain";

/** Enter the section of `c`; see sync/local_lock.ts. */
export function lock_cpu_slab(c: KmemCacheCpu): void {
  local_lock_irqsave(cpu_cache_lock(c));
}

/** Leave it, and run what waited for its end. */
export function unlock_cpu_slab(c: KmemCacheCpu): void {
  local_unlock_section(cpu_cache_lock(c));
  irq_work_check();
}

export function list_lock_address(node: KmemCacheNode): usize {
  return changetype<usize>(node) + offsetof<KmemCacheNode>("list_lock");
}

/** Take a node's list_lock as hard as `mode` allows. @returns true if it is held. */
export function list_lock(node: KmemCacheNode, mode: u32): bool {
  return spin_lock(list_lock_address(node), mode);
}

/** What a look for something partial returns where it could not look: 0 is "nothing there". */
export const PARTIAL_MISSED: usize = 1;

/**
 * Take list_lock to look at what it guards, surely: the answer would be a guess otherwise. An
 * allocation that could not look would make a slab beside those that are there, and take memory
 * that nobody needs.
 *
 * @returns true if it is held; false only for LOCK_TRY.
 */
export function list_lock_to_look(node: KmemCacheNode, mode: u32): bool {
  if (spin_lock_surely(list_lock_address(node), mode)) return true;
  note_miss(NOLOCK_NULL_LIST_LOCK);
  return false;
}

/** Release list_lock. */
export function list_unlock(node: KmemCacheNode): void {
  spin_unlock(list_lock_address(node));
  irq_work_check();
}
