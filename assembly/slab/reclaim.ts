/**
 * Before a call that may wait says that there is no memory: what sheaves hold is never the reason.
 *
 * Kernel: reclaim, in spirit.
 */
import { rcu_serve_all } from "./rcu_serve";
import { flush_all_sheaves } from "./sheaf_flush";

/**
 * Free what has waited for readers, then flush the sheaves of this CPU and the barns, and ask the
 * other CPUs to. Context: ordinary, no lock held; a heap with sheaves.
 */
export function reclaim_sheaves(mode: u32): void {
  // In this order: the sheaves that waited become full ones of the barns.
  rcu_serve_all();
  flush_all_sheaves(mode);
}
