/**
 * Looking at all of a cache: validation, and what is left of it at destroy (SLUB_DEBUG builds).
 *
 * Kernel: mm/slub.c validate_slab_cache(), validate_slab(), list_slab_objects(); 6.18.
 */
import { LOCK_TRY, SLUB_RED_ACTIVE, SLUB_RED_INACTIVE } from "../base/config";
import { KmemCache, KmemCacheNode, Slab } from "../base/layout";
import { lock_mode } from "../sync/context";
import { header } from "../sync/percpu";
import { defer_free_barrier } from "./barrier";
import { check_object, check_slab, on_freelist } from "./debug_check";
import { is_on_list } from "./debug_freed";
import { is_debug_cache } from "./debug_layout";
import {
  REPORT_NR_PARTIAL,
  REPORT_OBJECTS_REMAIN,
  REPORT_OBJECT_REMAINS,
  object_err,
  slab_err,
  slab_errors,
} from "./debug_report";
import { get_node } from "./kmem_cache_node";
import { index_to_obj } from "./object";
import { list_lock_to_look, list_unlock } from "./section";
import { slab_word, word_inuse, word_objects } from "./slab";

/** Check every object of a slab; ends at the first that has something. Context: list_lock. */
function validate_slab(cache: KmemCache, slab: Slab): void {
  if (!check_slab(cache, slab) || !on_freelist(cache, slab, 0)) return;
  const objects = word_objects(slab_word(slab));
  for (let i: u32 = 0; i < objects; i++) {
    const object = index_to_obj(cache, slab, i);
    const red = is_on_list(cache, slab, object) ? SLUB_RED_INACTIVE : SLUB_RED_ACTIVE;
    if (!check_object(cache, slab, object, red)) return;
  }
}

function validate_slab_node(cache: KmemCache, node: KmemCacheNode): void {
  let count: u32 = 0;
  let slab = changetype<Slab>(<usize>node.partial);
  while (changetype<usize>(slab) !== 0) {
    const next = changetype<Slab>(<usize>slab.next);
    validate_slab(cache, slab);
    count++;
    slab = next;
  }
  if (count !== node.nr_partial) {
    slab_err(REPORT_NR_PARTIAL, cache, changetype<Slab>(0), count, node.nr_partial);
  }
  slab = changetype<Slab>(<usize>node.full);
  while (changetype<usize>(slab) !== 0) {
    const next = changetype<Slab>(<usize>slab.next);
    validate_slab(cache, slab);
    slab = next;
  }
}

/**
 * Check every object of a debug cache, after whatever was deferred is free.
 *
 * @returns how many reports and repairs that made, those of other CPUs meanwhile included; 0 for
 * caches without slab_debug and in builds without it. Context: task, no lock held. Kernel:
 * validate_slab_cache(), 6.18 - differs: nr_slabs is left to the checker of heaps at rest.
 */
export function validate_slab_cache(cache: usize): u32 {
  if (isDefined(SLUB_DEBUG)) {
    const s = changetype<KmemCache>(cache);
    if (!is_debug_cache(s)) return 0;
    const before = slab_errors();
    const mode = lock_mode();
    // The link of a deferred object is no free pointer and would be reported.
    if (mode !== LOCK_TRY) defer_free_barrier();
    const nodes = header().nr_nodes;
    for (let i: u32 = 0; i < nodes; i++) {
      const node = get_node(s, i);
      if (!list_lock_to_look(node, mode)) continue;
      validate_slab_node(s, node);
      list_unlock(node);
    }
    return slab_errors() - before;
  }
  return 0;
}

/** Report what a slab still holds, if anything. Context: list_lock. */
function list_objects(cache: KmemCache, slab: Slab): void {
  const word = slab_word(slab);
  if (word_inuse(word) === 0) return;
  slab_err(REPORT_OBJECTS_REMAIN, cache, slab, 0, 0);
  for (let i: u32 = 0; i < word_objects(word); i++) {
    const object = index_to_obj(cache, slab, i);
    if (!is_on_list(cache, slab, object)) {
      object_err(REPORT_OBJECT_REMAINS, cache, slab, object);
    }
  }
}

/**
 * Report the objects that keep a cache from being destroyed: a line per slab and one per object.
 * Caches without slab_debug do not know their full slabs. Context: task, no lock held.
 */
export function list_slab_objects(cache: KmemCache, mode: u32): void {
  const nodes = header().nr_nodes;
  for (let i: u32 = 0; i < nodes; i++) {
    const node = get_node(cache, i);
    if (!list_lock_to_look(node, mode)) continue;
    for (let slab = <usize>node.partial; slab !== 0; slab = changetype<Slab>(slab).next) {
      list_objects(cache, changetype<Slab>(slab));
    }
    for (let slab = <usize>node.full; slab !== 0; slab = changetype<Slab>(slab).next) {
      list_objects(cache, changetype<Slab>(slab));
    }
    list_unlock(node);
  }
}
