/**
 * Slabs come from the page allocator here, and go back.
 *
 * A new slab is in the CPU's hand, reachable by nobody else: its word is written without races.
 * Kernel: mm/slub.c allocate_slab(), setup_object(), __free_slab(), discard_slab(); 6.18.
 */
import { SLAB_TYPESAFE_BY_RCU } from "../base/config";
import { call_ctor } from "../base/host";
import { KmemCache, PG_INFLIGHT, PG_SLAB, Slab } from "../base/layout";
import { set_page_kind } from "../page/page";
import { alloc_pages, alloc_pages_ready, free_pages } from "../page/page_alloc";
import { mark_freed } from "../page/page_poison";
import { CALLBACK, context_enter, context_exit } from "../sync/context";
import { ORDER_FALLBACK, stat } from "../sync/stat";
import { TRACE_SLAB_ALLOC, TRACE_SLAB_FREE, trace } from "../sync/trace";
import { debug_free } from "./debug";
import { setup_slab_debug } from "./debug_object";
import { count_slab, slab_node } from "./kmem_cache_node";
import { memcg_init_slab } from "./memcg_slab";
import { first_object, set_freepointer } from "./object";
import { publish_slab, unpublish_slab } from "./page_class";
import { entry_offset, next_freelist_entry, random_start } from "./random_seq";
import { rcu_queue_slab } from "./rcu_queue";
import { make_word, set_slab_word, slab_word, word_objects } from "./slab";

/** Pages of the preferred order, or of the smallest that holds one object. */
function alloc_slab_page(cache: KmemCache, node: i32, only: bool, mode: u32): usize {
  // A wish that is dropped at once where it costs anything.
  if (only) return alloc_pages_ready(cache.oo >> 16, node, mode);
  const page = alloc_pages(cache.oo >> 16, node, mode);
  if (page !== 0 || cache.oo === cache.min) return page;
  const smaller = alloc_pages(cache.min >> 16, node, mode);
  if (smaller !== 0) stat(cache, ORDER_FALLBACK);
  return smaller;
}

/** Run the constructor on every object. @returns false if one of them threw. */
function construct(cache: KmemCache, start: usize, objects: u32): bool {
  context_enter(CALLBACK);
  let done = true;
  for (let i: u32 = 0; i < objects && done; i++) {
    done = call_ctor(cache.index, start + <usize>i * cache.size) === 0;
  }
  context_exit(CALLBACK);
  return done;
}

/** Link all objects, in order of address or shuffled. @returns the first. */
function build_freelist(cache: KmemCache, start: usize, objects: u32): usize {
  const size = cache.size;
  const shuffled = cache.random_seq !== 0 && objects > 1;
  let at: u32 = shuffled ? next_freelist_entry(cache, random_start(cache), objects * size) : 0;
  const first = shuffled ? start + entry_offset(cache, at) : start;
  let object = first;
  for (let i: u32 = 1; i < objects; i++) {
    let next = object + size;
    if (shuffled) {
      at = next_freelist_entry(cache, at, objects * size);
      next = start + entry_offset(cache, at);
    }
    set_freepointer(cache, object, next);
    debug_free(cache, object);
    object = next;
  }
  set_freepointer(cache, object, 0);
  debug_free(cache, object);
  return first;
}

/**
 * Make a slab: in this CPU's hand, not frozen, all its objects on its own freelist.
 *
 * @param node preferred node, or NUMA_NO_NODE
 * @param only true: of no other node, if one is given, and only of pages that are ready
 * @returns its descriptor, or 0: no memory, or a constructor threw.
 * Context: no lock held unless LOCK_TRY; may call the host's constructor.
 */
export function allocate_slab(cache: KmemCache, node: i32, only: bool, mode: u32): usize {
  const address = alloc_slab_page(cache, node, only, mode);
  if (address === 0) return 0;
  const slab = changetype<Slab>(address);
  const oo = slab.order === cache.oo >> 16 ? cache.oo : cache.min;
  const objects = oo & 0xffff;
  const start = first_object(cache, slab);
  slab.flags = 0;
  slab.next = 0;
  slab.prev = 0;
  slab.slabs = 0;
  slab.flush_freelist = 0;
  if (isDefined(SLUB_DEBUG)) setup_slab_debug(cache, slab, objects);
  memcg_init_slab(cache, slab, objects);
  const made = cache.ctor === 0 || construct(cache, start, objects);
  if (!made) {
    free_pages(slab, mode);
    return 0;
  }
  set_slab_word(slab, make_word(build_freelist(cache, start, objects), 0, objects, false));
  slab.slab_cache = <u32>changetype<usize>(cache);
  count_slab(slab_node(cache, slab), 1, objects);
  set_page_kind(slab, PG_SLAB);
  publish_slab(cache, slab);
  trace(TRACE_SLAB_ALLOC, address, changetype<usize>(cache), <usize>slab.order);
  return address;
}

/**
 * Give an empty slab back, at once or after a grace period, as its cache wants it. Law: inuse is
 * 0, no list has it, nobody froze it, it is in this CPU's hand.
 *
 * Context: any with LOCK_TRY; otherwise no zone or pcp lock held.
 */
export function discard_slab(cache: KmemCache, slab: Slab, mode: u32): void {
  trace(TRACE_SLAB_FREE, changetype<usize>(slab), changetype<usize>(cache), <usize>slab.order);
  set_page_kind(slab, PG_INFLIGHT);
  // From here on no address leads to the slab; at last it leads to no cache.
  unpublish_slab(slab);
  count_slab(slab_node(cache, slab), -1, -(<i64>word_objects(slab_word(slab))));
  set_slab_word(slab, 0);
  if ((cache.flags & SLAB_TYPESAFE_BY_RCU) !== 0) {
    rcu_queue_slab(slab);
  } else {
    slab.slab_cache = 0;
    if (isDefined(SLUB_DEBUG)) mark_freed(slab);
    free_pages(slab, mode);
  }
}
