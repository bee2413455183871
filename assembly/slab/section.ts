/**
 * Ends of the sections in which irq_work must not run: the local lock's and list_lock's.
 *
 * irq_work runs where the outermost section of its CPU ends (kernel: the self-interrupt that
 * arrives at local_unlock_irqrestore()). That makes this file and slab/defer.ts call each other:
 * an unlock runs the deferred work, the work frees objects, a free takes locks. The circle is cut
 * at run time by the hardirq bit, which irq_work_run() holds while it works.
 */
import { KmemCacheCpu, KmemCacheNode } from "../base/layout";
import { IRQ_OFF, context_exit } from "../sync/context";
import { spin_lock, spin_unlock } from "../sync/spinlock";
import { irq_work_check } from "./defer";

/** Leave the section that local_lock_irqsave() entered. */
export function local_unlock_irqrestore(c: KmemCacheCpu): void {
  c.lock = 0;
  context_exit(IRQ_OFF);
  irq_work_check();
}

function list_lock_address(node: KmemCacheNode): usize {
  return changetype<usize>(node) + offsetof<KmemCacheNode>("list_lock");
}

/** Take a node's list_lock as hard as `mode` allows. @returns true if it is held. */
export function list_lock(node: KmemCacheNode, mode: u32): bool {
  return spin_lock(list_lock_address(node), mode);
}

/** Release list_lock. */
export function list_unlock(node: KmemCacheNode): void {
  spin_unlock(list_lock_address(node));
  irq_work_check();
}
