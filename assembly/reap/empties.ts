/** Empty slabs that a node's list has too many of once it was made anew. */
import { CACHE_FREE, KmemCache, Slab } from "../base/layout";
import { header } from "../sync/percpu";
import { cache_at, cache_state } from "../slab/cache_table";
import { get_node, nr_partial, remove_partial } from "../slab/kmem_cache_node";
import { discard_slab } from "../slab/new_slab";
import { list_lock, list_unlock } from "../slab/section";
import { slab_word, word_inuse } from "../slab/slab";

/** The lock of a node was missed. */
const MISSED: usize = 1;

/** Take an empty slab off a node's list if there are too many. @returns it, 0, or MISSED. */
function take_empty(cache: KmemCache, number: u32, mode: u32): usize {
  const node = get_node(cache, number);
  if (nr_partial(node) <= cache.min_partial) return 0;
  if (!list_lock(node, mode)) return MISSED;
  let count: u32 = 0;
  let last: usize = 0;
  for (let at = <usize>node.partial; at !== 0; at = <usize>changetype<Slab>(at).next) {
    if (word_inuse(slab_word(changetype<Slab>(at))) !== 0) continue;
    last = at;
    count++;
  }
  if (count <= cache.min_partial) last = 0;
  if (last !== 0) remove_partial(node, changetype<Slab>(last));
  list_unlock(node);
  return last;
}

/** All of them, of every cache. @returns false: a lock is missed. */
export function trim_empties(mode: u32): bool {
  const head = header();
  for (let index: u32 = 1; index < head.nr_caches; index++) {
    const cache = cache_at(index);
    if (cache_state(cache) === CACHE_FREE) continue;
    for (let number: u32 = 0; number < head.nr_nodes; number++) {
      while (true) {
        const slab = take_empty(cache, number, mode);
        if (slab === MISSED) return false;
        if (slab === 0) break;
        discard_slab(cache, changetype<Slab>(slab), mode);
      }
    }
  }
  return true;
}
