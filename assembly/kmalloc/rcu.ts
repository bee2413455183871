/** kfree_rcu(): free when no reader can hold the address any more. */
import { zero_or_null } from "../slab/check";
import { rcu_queue_free } from "../slab/rcu";
import { synchronize_rcu } from "../sync/rcu";
import { kfree } from "./kmalloc";

/**
 * Free `p`, of any allocation, after a grace period; until then not a byte of it changes.
 *
 * Without a page to note the address in, an ordinary task waits for the grace period itself
 * (kernel: the same, kvfree_call_rcu()). Where waiting is impossible - outside a plain task, in a
 * read-side section, on a CPU that may not sleep - the call says no: an object has no room to be
 * queued by without being written to.
 *
 * @returns false, with `p` still the caller's. Context: any.
 */
export function kfree_rcu(p: usize): bool {
  if (zero_or_null(p) || rcu_queue_free(p)) return true;
  if (!synchronize_rcu()) return false;
  kfree(p);
  return true;
}
