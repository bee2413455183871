/**
 * A slab for a CPU that has none left: partial on a node, or new.
 *
 * Kernel: mm/slub.c get_partial(), get_partial_node(), get_any_partial(); 6.18.
 */
import { NUMA_NO_NODE } from "../base/config";
import { KmemCache, KmemCacheNode, Slab } from "../base/layout";
import { cpu_area, header } from "../sync/percpu";
import { next_random } from "../sync/random";
import { ALLOC_FROM_PARTIAL, ALLOC_SLAB, CPU_PARTIAL_NODE, stat } from "../sync/stat";
import { put_cpu_partial } from "./kmem_cache_cpu";
import { get_node, nr_partial, remove_partial } from "./kmem_cache_node";
import { allocate_slab } from "./new_slab";
import { PARTIAL_MISSED, list_lock_to_look, list_unlock } from "./section";

/**
 * Take slabs off a node's partial list: the first for the caller, more for this CPU's list, until
 * that has got more than half of what it may hold.
 *
 * @returns the first slab, in this CPU's hand, not frozen; 0 if there is none; PARTIAL_MISSED, with
 * LOCK_TRY alone. Context: no list_lock held. Kernel: get_partial_node(), 6.18.
 */
function get_partial_node(cache: KmemCache, node: KmemCacheNode, mode: u32): usize {
  // The count is 0 only while the list is empty: it is stored once, as what it becomes.
  if (nr_partial(node) === 0) return 0;
  if (!list_lock_to_look(node, mode)) return PARTIAL_MISSED;
  const enough = cache.cpu_partial_slabs >> 1;
  let kept: usize = 0;
  let moved: u32 = 0;
  while (node.partial !== 0 && moved <= enough) {
    const slab = changetype<Slab>(<usize>node.partial);
    remove_partial(node, slab);
    if (kept === 0) {
      kept = changetype<usize>(slab);
      stat(cache, ALLOC_FROM_PARTIAL);
      if (cache.cpu_partial_slabs === 0) break;
    } else {
      put_cpu_partial(cache, slab, false, mode);
      stat(cache, CPU_PARTIAL_NODE);
      moved++;
    }
  }
  list_unlock(node);
  return kept;
}

/**
 * A partial slab of another node than `local`, if that node has more than it needs and the
 * lottery allows: taking from others too eagerly would spread a CPU's objects over all nodes.
 *
 * @param least a node is asked only if it has more partial slabs than this. Kernel:
 * get_any_partial(), 6.18 - differs: the lottery draws from the CPU's generator.
 */
function get_any_partial(cache: KmemCache, local: u32, least: u32, mode: u32): usize {
  const nodes = header().nr_nodes;
  let missed: usize = 0;
  for (let i: u32 = 1; i < nodes; i++) {
    const node = get_node(cache, (local + i) % nodes);
    if (nr_partial(node) <= least) continue;
    const slab = get_partial_node(cache, node, mode);
    if (slab > PARTIAL_MISSED) return slab;
    missed |= slab;
  }
  return missed;
}

/** @returns a partial slab of the wanted node, else perhaps of another. Kernel: get_partial(). */
function get_partial(cache: KmemCache, node: i32, mode: u32): usize {
  const local = node === NUMA_NO_NODE ? cpu_area().node : <u32>node;
  const slab = get_partial_node(cache, get_node(cache, local), mode);
  if (slab > PARTIAL_MISSED || header().nr_nodes === 1) return slab;
  if (next_random() % 1024 > cache.remote_node_defrag_ratio) return slab;
  const other = get_any_partial(cache, local, cache.min_partial, mode);
  return other !== 0 ? other : slab;
}

/**
 * A slab for a caller that asked for `node`, only from there and only what is ready; then for
 * anybody, from anywhere; and before giving up, whatever any node has left.
 *
 * @returns its descriptor, in this CPU's hand, not frozen; 0 when out of memory. Kernel:
 * new_objects in ___slab_alloc(), 6.18 - differs: the kernel has no last look.
 */
export function get_slab(cache: KmemCache, node: i32, mode: u32): usize {
  const nodes = header().nr_nodes;
  let slab: usize = 0;
  if (nodes > 1 && node !== NUMA_NO_NODE) {
    slab = get_partial_node(cache, get_node(cache, <u32>node), mode);
    if (slab <= PARTIAL_MISSED) slab = get_new_slab(cache, node, true, mode);
    if (slab !== 0) return slab;
  }
  slab = get_partial(cache, node, mode);
  if (slab > PARTIAL_MISSED) return slab;
  // A nolock caller that could not look takes what is ready, but is no reason to grow the memory.
  const missed = slab === PARTIAL_MISSED;
  slab = get_new_slab(cache, missed ? NUMA_NO_NODE : node, missed, mode);
  if (slab === 0 && nodes > 1) slab = get_any_partial(cache, cpu_area().node, 0, mode);
  return slab === PARTIAL_MISSED ? 0 : slab;
}

/** A new slab. @returns 0 if there is none. */
function get_new_slab(cache: KmemCache, node: i32, only: bool, mode: u32): usize {
  const slab = allocate_slab(cache, node, only, mode);
  if (slab !== 0) stat(cache, ALLOC_SLAB);
  return slab;
}
