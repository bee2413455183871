/**
 * Allocation in debug caches: one object at a time, under list_lock (SLUB_DEBUG builds).
 *
 * debug_cache.ts says where their slabs are. Kernel: mm/slub.c alloc_single_from_partial(),
 * alloc_single_from_new_slab(), alloc_debug_processing(); 6.18.
 */
import { LOCK_TRY, NUMA_NO_NODE, SLUB_RED_ACTIVE, SLUB_RED_INACTIVE } from "../base/config";
import { KmemCache, KmemCacheNode, Slab } from "../base/layout";
import { cpu_area, header } from "../sync/percpu";
import { next_random } from "../sync/random";
import {
  ALLOC_FROM_PARTIAL,
  ALLOC_SLAB,
  DEACTIVATE_TO_HEAD,
  FREE_SLAB,
  stat,
  DEFER_DRAIN_DEACTIVATE,
  DEFER_DRAIN_SWITCH,
} from "../sync/stat";
import { add_full, checks, trace_object } from "./debug_cache";
import { check_object, check_slab, check_valid_pointer } from "./debug_check";
import { set_orig_size } from "./debug_layout";
import { init_object, set_track_alloc } from "./debug_object";
import {
  FIX_ALL_USED,
  REPORT_FREELIST_POINTER,
  REPORT_TRACE_ALLOC,
  object_err,
} from "./debug_report";
import { drain_at } from "./drain";
import {
  add_partial,
  get_node,
  nr_partial,
  remove_partial,
  slab_node,
  slab_test_node_partial,
} from "./kmem_cache_node";
import { allocate_slab, discard_slab } from "./new_slab";
import { get_freepointer } from "./object";
import { PARTIAL_MISSED, list_lock_to_look, list_unlock } from "./section";
import {
  make_word,
  set_slab_word,
  slab_word,
  word_freelist,
  word_inuse,
  word_objects,
} from "./slab";

/** Is the object that is to be handed out a sound free object of a sound slab? */
function alloc_consistency_checks(cache: KmemCache, slab: Slab, object: usize): bool {
  if (checks(cache) && !check_slab(cache, slab)) return false;
  if (!check_valid_pointer(cache, slab, object)) {
    object_err(REPORT_FREELIST_POINTER, cache, slab, object);
    return false;
  }
  return !checks(cache) || check_object(cache, slab, object, SLUB_RED_INACTIVE);
}

/**
 * Pop the first object of a slab that has one, and make it ready.
 *
 * @returns 0 if a check failed: then the slab is disabled and off its list. Context: list_lock.
 */
function alloc_one(cache: KmemCache, node: KmemCacheNode, slab: Slab, nolock: bool): usize {
  const word = slab_word(slab);
  const objects = word_objects(word);
  const object = word_freelist(word);
  if (!alloc_consistency_checks(cache, slab, object)) {
    object_err(FIX_ALL_USED, cache, slab, 0);
    set_slab_word(slab, make_word(0, objects, objects, true));
    if (slab_test_node_partial(slab)) remove_partial(node, slab);
    slab.in_hand = 0;
    return 0;
  }
  const next = get_freepointer(cache, object);
  set_slab_word(slab, make_word(next, word_inuse(word) + 1, objects, false));
  set_orig_size(cache, object, cache.object_size);
  trace_object(cache, slab, object, REPORT_TRACE_ALLOC);
  init_object(cache, object, SLUB_RED_ACTIVE);
  set_track_alloc(cache, object, nolock);
  return object;
}

/** From the node's partial slabs. @returns 0 if there are none; PARTIAL_MISSED with LOCK_TRY. */
function alloc_single_from_partial(cache: KmemCache, node: KmemCacheNode, mode: u32): usize {
  if (nr_partial(node) === 0) return 0;
  if (!list_lock_to_look(node, mode)) return PARTIAL_MISSED;
  let object: usize = 0;
  // Ends: a slab that gives nothing leaves the list.
  while (object === 0 && node.partial !== 0) {
    const slab = changetype<Slab>(<usize>node.partial);
    // A repair may have cleared its freelist.
    const listed = word_freelist(slab_word(slab)) !== 0;
    if (listed) object = alloc_one(cache, node, slab, mode === LOCK_TRY);
    if (listed && (object === 0 || word_freelist(slab_word(slab)) !== 0)) continue;
    remove_partial(node, slab);
    add_full(node, slab);
  }
  list_unlock(node);
  if (object !== 0) stat(cache, ALLOC_FROM_PARTIAL);
  return object;
}

/** Partial slabs of the wanted node, then perhaps of others. */
function alloc_from_any_partial(cache: KmemCache, node: i32, least: u32, mode: u32): usize {
  const nodes = header().nr_nodes;
  const local = node === NUMA_NO_NODE ? cpu_area().node : <u32>node;
  let missed: usize = 0;
  for (let i: u32 = 0; i < nodes; i++) {
    const at = get_node(cache, (local + i) % nodes);
    if (i === 1 && least !== 0 && next_random() % 1024 > cache.remote_node_defrag_ratio) break;
    if (i !== 0 && nr_partial(at) <= least) continue;
    const object = alloc_single_from_partial(cache, at, mode);
    if (object > PARTIAL_MISSED) return object;
    missed |= object;
  }
  return missed;
}

/**
 * The first object of a slab that nobody else has seen, which then goes onto its list.
 *
 * A nolock caller that misses list_lock gives the slab back as it is: trying again would miss it
 * again if it interrupted the lock's holder, and deferring a slab that was never used would leave
 * it counted and empty. @returns 0 then, or if a check failed.
 */
function alloc_single_from_new_slab(cache: KmemCache, slab: Slab, mode: u32): usize {
  const node = slab_node(cache, slab);
  if (!list_lock_to_look(node, mode)) {
    discard_slab(cache, slab, mode);
    stat(cache, FREE_SLAB);
    return 0;
  }
  const object = alloc_one(cache, node, slab, mode === LOCK_TRY);
  if (object !== 0) {
    if (word_freelist(slab_word(slab)) === 0) add_full(node, slab);
    else add_partial(node, slab, DEACTIVATE_TO_HEAD);
  }
  list_unlock(node);
  return object;
}

/**
 * @param ready only of pages that are ready, for who could not look at all partial slabs
 * @returns an object of a new slab; 0: none, or see above.
 */
function alloc_from_new_slab(cache: KmemCache, node: i32, ready: bool, mode: u32): usize {
  const wished = header().nr_nodes > 1 && node !== NUMA_NO_NODE;
  let slab: usize = wished ? allocate_slab(cache, node, true, mode) : 0;
  if (slab === 0) slab = allocate_slab(cache, ready ? NUMA_NO_NODE : node, ready, mode);
  let object: usize = 0;
  if (slab !== 0) {
    stat(cache, ALLOC_SLAB);
    object = alloc_single_from_new_slab(cache, changetype<Slab>(slab), mode);
  }
  return object;
}

/**
 * Allocate one object of a debug cache.
 *
 * @returns 0: out of memory, or nothing to be had without waiting. Context: as slab_alloc_slow().
 * Kernel: ___slab_alloc(), 6.18 - differs: a new slab that fails its checks is no reason to try
 * another. The arms that drain where a cpu slab is left drain before a new slab is made.
 */
export function debug_slab_alloc(cache: KmemCache, node: i32, mode: u32): usize {
  let object = alloc_from_any_partial(cache, node, cache.min_partial, mode);
  if (object > PARTIAL_MISSED) return object;
  drain_at(DEFER_DRAIN_SWITCH, cache, cpu_area().node, mode);
  drain_at(DEFER_DRAIN_DEACTIVATE, cache, cpu_area().node, mode);
  object = alloc_from_new_slab(cache, node, object === PARTIAL_MISSED, mode);
  if (object === 0) object = alloc_from_any_partial(cache, node, 0, mode);
  return object === PARTIAL_MISSED ? 0 : object;
}
