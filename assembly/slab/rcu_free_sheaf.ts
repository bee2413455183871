/**
 * The grace period of a sheaf is over: its objects are free, and the sheaf is one of a barn.
 *
 * Kernel: mm/slub.c rcu_free_sheaf(), 7.0 - differs: what a barrier took before it was full is
 * flushed to the slabs.
 */
import { slot } from "../base/bits";
import { SLAB_ACCOUNT } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { Sheaf } from "../base/layout_sheaf";
import { page_slab, virt_to_page } from "../page/page";
import { cpu_area } from "../sync/percpu";
import { slab_free_hook } from "./free_hooks";
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
  if (asks) run_free_hooks(cache, sheaf);
  put_into_barn(cache, node, rcu_hand_of(cpu_area()), address, mode);
}

/** Only now may anything be written into the objects, and are they charged to nobody. */
function run_free_hooks(cache: KmemCache, sheaf: Sheaf): void {
  for (let i: u32 = 0; i < sheaf.size; i++) {
    const object = <usize>load<u32>(slot(sheaf_objects(sheaf), i));
    slab_free_hook(cache, changetype<Slab>(page_slab(virt_to_page(object))), object);
  }
}
