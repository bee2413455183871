/**
 * kmem_cache_shrink(): give back what is empty, and put the fullest partial slabs first.
 *
 * Sorting helps the next slabs to empty: allocations fill up the nearly full ones and leave the
 * nearly empty ones alone. An idle CPU cannot be made to flush, so it is asked to: it does at
 * its next slow path in this cache (flush_if_asked()).
 * Kernel: mm/slub.c __kmem_cache_do_shrink(), 6.18 - differs: other CPUs flush later.
 */
import { KmemCache, KmemCacheNode, Slab } from "../base/layout";
import { CPU_SHRINK } from "../base/layout_percpu";
import { lock_mode } from "../sync/context";
import { header, this_cpu } from "../sync/percpu";
import { DEACTIVATE_TO_HEAD, FREE_SLAB, stat } from "../sync/stat";
import { flush_this_cpu } from "./flush";
import { get_node, link_partial, remove_partial, unlink_partial } from "./kmem_cache_node";
import { discard_slab } from "./new_slab";
import { rcu_serve_all } from "./rcu_serve";
import { list_lock_to_look, list_unlock } from "./section";
import { has_sheaves } from "./sheaf";
import { ask_others, flush_sheaves } from "./sheaf_flush";
import { slab_word, word_inuse, word_objects } from "./slab";

/** Slabs with up to this many free objects are sorted (kernel: SHRINK_PROMOTE_MAX). */
const SHRINK_PROMOTE_MAX: u32 = 32;

/** Take a slab that is listed and has `free` free objects to where it belongs. */
function sort_slab(node: KmemCacheNode, slab: Slab, free: u32, empties: usize): usize {
  const address = <u32>changetype<usize>(slab);
  if (free === word_objects(slab_word(slab))) {
    remove_partial(node, slab);
    slab.next = <u32>empties;
    return <usize>address;
  }
  if (free <= SHRINK_PROMOTE_MAX) {
    const bucket = this_cpu + CPU_SHRINK + ((<usize>free - 1) << 2);
    unlink_partial(node, slab);
    slab.next = load<u32>(bucket);
    store<u32>(bucket, address);
  }
  return empties;
}

/** Put the sorted slabs back, the fullest at the head. Context: list_lock. */
function promote(node: KmemCacheNode): void {
  for (let free = SHRINK_PROMOTE_MAX; free > 0; free--) {
    const bucket = this_cpu + CPU_SHRINK + ((<usize>free - 1) << 2);
    let slab = <usize>load<u32>(bucket);
    store<u32>(bucket, 0);
    while (slab !== 0) {
      const next = <usize>changetype<Slab>(slab).next;
      link_partial(node, changetype<Slab>(slab), DEACTIVATE_TO_HEAD);
      slab = next;
    }
  }
}

/** @returns slabs given back. */
function shrink_node(cache: KmemCache, node: KmemCacheNode, mode: u32): u32 {
  if (!list_lock_to_look(node, mode)) return 0;
  let empties: usize = 0;
  let slab = <usize>node.partial;
  while (slab !== 0) {
    const at = changetype<Slab>(slab);
    slab = <usize>at.next;
    const word = slab_word(at);
    empties = sort_slab(node, at, word_objects(word) - word_inuse(word), empties);
  }
  promote(node);
  list_unlock(node);
  let given: u32 = 0;
  while (empties !== 0) {
    const at = changetype<Slab>(empties);
    empties = <usize>at.next;
    at.next = 0;
    discard_slab(cache, at, mode);
    stat(cache, FREE_SLAB);
    given++;
  }
  return given;
}

/**
 * Give back every empty slab of the nodes and sort what stays; ask the other CPUs to flush.
 *
 * @returns slabs given back now. Context: task, no lock held.
 */
export function kmem_cache_shrink(cache: KmemCache): u32 {
  const mode = lock_mode();
  const head = header();
  ask_others(cache);
  if (has_sheaves()) {
    // Of all caches: what waited for readers goes to the barns first.
    rcu_serve_all();
    flush_sheaves(cache, mode);
  }
  flush_this_cpu(cache, mode);
  let given: u32 = 0;
  for (let i: u32 = 0; i < head.nr_nodes; i++) {
    given += shrink_node(cache, get_node(cache, i), mode);
  }
  return given;
}
