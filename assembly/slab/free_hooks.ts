/**
 * What happens before every free of an object that is not on a fast path: discharging and stamping.
 *
 * Who skips it: slab/alloc_hooks.ts. Kernel: mm/slub.c slab_free_hook(), 6.18.
 */
import { slot } from "../base/bits";
import { SLAB_ACCOUNT } from "../base/config";
import { KmemCache, Slab } from "../base/layout";
import { page_slab, virt_to_page } from "../page/page";
import { debug_free } from "./debug";
import { memcg_uncharge_object } from "./memcg";

/** The object is about to be free. Context: any. */
export function slab_free_hook(cache: KmemCache, slab: Slab, object: usize): void {
  if ((cache.flags & SLAB_ACCOUNT) !== 0) memcg_uncharge_object(cache, slab, object);
  debug_free(cache, object);
}

/** The same for every object of an array. Context: any. */
export function slab_free_hooks(cache: KmemCache, count: u32, array: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const object = <usize>load<u32>(slot(array, i));
    slab_free_hook(cache, changetype<Slab>(page_slab(virt_to_page(object))), object);
  }
}
