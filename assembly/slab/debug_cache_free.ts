/**
 * Free in debug caches: checked objects go back under list_lock (SLUB_DEBUG builds).
 *
 * Kernel: mm/slub.c free_to_partial_list(), free_debug_processing(); 6.18.
 */
import { SLUB_RED_ACTIVE, SLUB_RED_INACTIVE } from "../base/config";
import { KmemCache, KmemCacheNode, Slab } from "../base/layout";
import { hold } from "../page/hand";
import { list_del } from "../page/page";
import {
  DEACTIVATE_TO_TAIL,
  FREE_ADD_PARTIAL,
  FREE_REMOVE_PARTIAL,
  FREE_SLAB,
  FREE_SLOWPATH,
  stat,
} from "../sync/stat";
import { checks, full_list, trace_object } from "./debug_cache";
import { check_object, check_slab, check_valid_pointer, on_freelist } from "./debug_check";
import { init_object, set_track_free } from "./debug_object";
import {
  FIX_NOT_FREED,
  REPORT_ALREADY_FREE,
  REPORT_BULK_COUNT,
  REPORT_INVALID_POINTER,
  REPORT_TOO_MANY_FREED,
  REPORT_TRACE_FREE,
  object_err,
  slab_err,
} from "./debug_report";
import {
  add_partial,
  nr_partial,
  remove_partial,
  slab_node,
  slab_test_node_partial,
} from "./kmem_cache_node";
import { discard_slab } from "./new_slab";
import { get_freepointer, set_freepointer } from "./object";
import { list_lock, list_unlock } from "./section";
import {
  make_word,
  set_slab_word,
  slab_word,
  word_freelist,
  word_inuse,
  word_objects,
} from "./slab";

/** Is this an object in use of this slab, with nothing around it damaged? */
function free_consistency_checks(cache: KmemCache, slab: Slab, object: usize): bool {
  if (object === 0 || !check_valid_pointer(cache, slab, object)) {
    slab_err(REPORT_INVALID_POINTER, cache, slab, object, 0);
    return false;
  }
  if (on_freelist(cache, slab, object)) {
    object_err(REPORT_ALREADY_FREE, cache, slab, object);
    return false;
  }
  return check_object(cache, slab, object, SLUB_RED_ACTIVE);
}

/**
 * Check the objects of a chain and make them look free.
 *
 * @returns how many there are; 0 if a check failed: then none of them is freed.
 */
function free_debug_processing(
  cache: KmemCache,
  slab: Slab,
  head: usize,
  tail: usize,
  count: u32,
): u32 {
  let object = head;
  let done: u32 = 0;
  const inuse = word_inuse(slab_word(slab));
  // The first object before the counts: one that is free already says best what happened.
  let ok =
    !checks(cache) || (check_slab(cache, slab) && free_consistency_checks(cache, slab, object));
  if (ok && inuse < count) {
    slab_err(REPORT_TOO_MANY_FREED, cache, slab, inuse, count);
    ok = false;
  }
  while (ok && done < count) {
    if (done > 0 && checks(cache) && !free_consistency_checks(cache, slab, object)) {
      ok = false;
      break;
    }
    done++;
    set_track_free(cache, object);
    trace_object(cache, slab, object, REPORT_TRACE_FREE);
    // The free pointer stays: where this would write over it, it lies outside.
    init_object(cache, object, SLUB_RED_INACTIVE);
    if (object === tail) break;
    object = get_freepointer(cache, object);
  }
  if (!ok) {
    object_err(FIX_NOT_FREED, cache, slab, object);
    return 0;
  }
  if (done !== count) slab_err(REPORT_BULK_COUNT, cache, slab, done, count);
  return done;
}

/**
 * Free a chain of `count` objects of one slab of a debug cache.
 *
 * What fails its checks is reported and never freed. @returns false, with nothing changed, if
 * list_lock was not to be had. Context: no list_lock held.
 */
export function free_to_partial_list(
  cache: KmemCache,
  slab: Slab,
  head: usize,
  tail: usize,
  count: u32,
  mode: u32,
): bool {
  const node = slab_node(cache, slab);
  if (!list_lock(node, mode)) return false;
  stat(cache, FREE_SLOWPATH);
  const freed = free_debug_processing(cache, slab, head, tail, count);
  const empty = freed !== 0 && link_freed(cache, node, slab, head, tail, freed);
  list_unlock(node);
  if (empty) {
    stat(cache, FREE_SLAB);
    discard_slab(cache, slab, mode);
  }
  return true;
}

/**
 * Put a checked chain onto its slab's freelist and the slab onto the list it then belongs to.
 *
 * @returns true if the slab is empty, off its list and to be given back. Context: list_lock.
 */
function link_freed(
  cache: KmemCache,
  node: KmemCacheNode,
  slab: Slab,
  head: usize,
  tail: usize,
  count: u32,
): bool {
  const word = slab_word(slab);
  const prior = word_freelist(word);
  const inuse = word_inuse(word) - count;
  set_freepointer(cache, tail, prior);
  set_slab_word(slab, make_word(head, inuse, word_objects(word), false));
  const empty = inuse === 0 && nr_partial(node) >= cache.min_partial;
  if (prior === 0 && !slab_test_node_partial(slab)) {
    list_del(slab, full_list(node));
    hold(slab);
    if (empty) return true;
    add_partial(node, slab, DEACTIVATE_TO_TAIL);
    stat(cache, FREE_ADD_PARTIAL);
  } else if (empty) {
    remove_partial(node, slab);
    stat(cache, FREE_REMOVE_PARTIAL);
  }
  return empty;
}
