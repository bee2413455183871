/**
 * A cache's partial slabs on one node, and its slab counts.
 *
 * Law: nr_partial is the length of the list; a slab on it carries SL_PARTIAL, is not frozen and
 * is in nobody's hand. Everything here needs list_lock except get_node() and the counts.
 * Kernel: mm/slub.c struct kmem_cache_node, add_partial(), remove_partial(); 6.18.
 */
import { KMEM_CACHE_NODE_SIZE, KmemCache, KmemCacheNode, SL_PARTIAL, Slab } from "../base/layout";
import { fetch_add, fetch_add64, read_once, read_once64 } from "../sync/atomic";
import { hold } from "../page/hand";
import { header } from "../sync/percpu";
import { DEACTIVATE_TO_TAIL } from "../sync/stat";

/** @returns the partial lists of `cache` on `node`. */
export function get_node(cache: KmemCache, node: u32): KmemCacheNode {
  const head = header();
  const index = <usize>cache.index * head.nr_nodes + node;
  return changetype<KmemCacheNode>(<usize>head.node_table + index * KMEM_CACHE_NODE_SIZE);
}

/** @returns the partial lists that a slab belongs to. */
export function slab_node(cache: KmemCache, slab: Slab): KmemCacheNode {
  return get_node(cache, slab.node);
}

/** @returns nr_partial; a hint unless list_lock is held, whose holder stores it plainly. */
export function nr_partial(node: KmemCacheNode): u32 {
  return read_once(changetype<usize>(node) + offsetof<KmemCacheNode>("nr_partial"));
}

export function set_nr_partial(node: KmemCacheNode, count: u32): void {
  node.nr_partial = count;
}

/** @returns true if the slab is on its node's partial list. Context: list_lock. */
export function slab_test_node_partial(slab: Slab): bool {
  return (slab.flags & SL_PARTIAL) !== 0;
}

/** Put a slab on the list: at the tail for DEACTIVATE_TO_TAIL, else at the head. */
export function add_partial(node: KmemCacheNode, slab: Slab, where: u32): void {
  link_partial(node, slab, where);
  set_nr_partial(node, node.nr_partial + 1);
}

/** The same for one that is counted already: unlink_partial() took it off in this section. */
export function link_partial(node: KmemCacheNode, slab: Slab, where: u32): void {
  const address = <u32>changetype<usize>(slab);
  if (where === DEACTIVATE_TO_TAIL) {
    const last = node.partial_tail;
    slab.prev = last;
    slab.next = 0;
    if (last !== 0) changetype<Slab>(<usize>last).next = address;
    else node.partial = address;
    node.partial_tail = address;
  } else {
    const first = node.partial;
    slab.next = first;
    slab.prev = 0;
    if (first !== 0) changetype<Slab>(<usize>first).prev = address;
    else node.partial_tail = address;
    node.partial = address;
  }
  slab.flags = slab.flags | SL_PARTIAL;
  slab.in_hand = 0;
}

/** Take a slab off the list, into this CPU's hand. */
export function remove_partial(node: KmemCacheNode, slab: Slab): void {
  unlink_partial(node, slab);
  set_nr_partial(node, node.nr_partial - 1);
}

/**
 * The same for a slab that comes back before list_lock is released. It stays counted: whoever asks
 * nr_partial() without the lock would take a list that is being sorted for an empty one.
 */
export function unlink_partial(node: KmemCacheNode, slab: Slab): void {
  hold(slab);
  const next = slab.next;
  const prev = slab.prev;
  if (prev !== 0) changetype<Slab>(<usize>prev).next = next;
  else node.partial = next;
  if (next !== 0) changetype<Slab>(<usize>next).prev = prev;
  else node.partial_tail = prev;
  slab.next = 0;
  slab.prev = 0;
  slab.flags = slab.flags & ~SL_PARTIAL;
}

/**
 * A slab of `objects` objects came into being; or, both negative, is given back. Meanwhile it is
 * PG_INFLIGHT and leads to its cache: that and `moves` let a walk over all pages tell
 * whether the counts are right (reap/counts.ts). Context: any.
 */
export function count_slab(node: KmemCacheNode, slabs: i64, objects: i64): void {
  fetch_add(changetype<usize>(node) + offsetof<KmemCacheNode>("moves"), 1);
  fetch_add64(node_counts(node), slabs + (objects << 32));
}

/** @returns the address of the word `total_objects | nr_slabs`. */
export function node_counts(node: KmemCacheNode): usize {
  return changetype<usize>(node) + offsetof<KmemCacheNode>("nr_slabs");
}

/** @returns slabs of this cache on the node, in any state. */
export function node_nr_slabs(node: KmemCacheNode): u32 {
  return <u32>read_once64(node_counts(node));
}
