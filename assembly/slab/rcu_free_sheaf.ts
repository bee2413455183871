/**
 * The grace period of a sheaf is over: its objects are free, and the sheaf is one of a barn.
 *
 * Kernel: mm/slub.c rcu_free_sheaf(), 7.0 - differs: what a barrier took before it was full is
 * flushed to the slabs.
 */
import { SLAB_ACCOUNT } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { page_slab, virt_to_page } from "../page/page";
import { cpu_area } from "../sync/percpu";
import { slab_free_hooks } from "./free_hooks";
import { rcu_hand_of } from "./rcu_sheaf";
import { sheaf_objects } from "./sheaf";
import { put_into_barn } from "./sheaf_flush";

/**
 * Give a sheaf in this CPU's hand to the barn of its node if it is full and fits; else its objects
 * go to their slabs. Context: a drain, no lock held.
 */
export function rcu_free_sheaf(address: usize, mode: u32): void {
  const sheaf = changetype<Sheaf>(address);
  const first = <usize>load<u32>(sheaf_objects(sheaf));
  const slab = changetype<Slab>(page_slab(virt_to_page(first)));
  const cache = changetype<KmemCache>(<usize>slab.slab_cache);
  const node = slab.node;
  const asks = isDefined(SLUB_DEBUG) || (cache.flags & SLAB_ACCOUNT) !== 0;
  // Only now may anything be written into the objects, and are they charged to nobody.
  if (asks) slab_free_hooks(cache, sheaf.size, sheaf_objects(sheaf));
  put_into_barn(cache, node, rcu_hand_of(cpu_area()), address, mode);
}
