/**
 * A node's count of slabs, where a dead CPU may or may not have changed it.
 *
 * A slab that is being counted, up or down, is PG_INFLIGHT and leads to its cache. The count is
 * right if it equals the slabs there are; an error stays the same whatever live CPUs count, so it
 * needs to be measured at one moment only. The moment: no live CPU is in the middle of counting
 * here, and none began while all pages were looked at. One that began before the look has its slab
 * in that state when the look comes by, or has counted before the count is read; one that begins
 * later moves `moves`. What a CPU had begun to count that is known to be dead, and another one's
 * victim, is left out: whoever recovers that counts again.
 */
import { KmemCache, PG_INFLIGHT, PG_SLAB, KmemCacheNode } from "../base/layout";
import { end_pfn } from "../page/grow";
import { in_hand_address } from "../page/hand";
import { page_kind, pfn_to_page } from "../page/page";
import { cpu_relax, fetch_add64, read_once, read_once64 } from "../sync/atomic";
import { header } from "../sync/percpu";
import { get_node, node_counts } from "../slab/kmem_cache_node";
import { slab_word, word_objects } from "../slab/slab";
import { is_known_dead } from "./dead";

/** Measurements that are tried; a CPU may be in the middle of counting, and dead. */
const TRIES: u32 = 1 << 12;
/** No count: somebody is in the middle of counting. */
const BUSY: u64 = u64.MAX_VALUE;

/** @returns slabs of `cache` on node `number`, and their objects in the high half; or BUSY. */
function count_slabs(cache: KmemCache, number: u32): u64 {
  let sum: u64 = 0;
  const end = end_pfn();
  for (let pfn = header().first_pfn; pfn < end; pfn++) {
    const page = pfn_to_page(pfn);
    const kind = page_kind(page);
    if (kind !== PG_SLAB && kind !== PG_INFLIGHT) continue;
    if (<usize>page.slab_cache !== changetype<usize>(cache) || page.node !== number) continue;
    if (kind === PG_SLAB) sum += 1 + ((<u64>word_objects(slab_word(page))) << 32);
    else if (!is_known_dead(read_once(in_hand_address(page)))) return BUSY;
  }
  return sum;
}

/** Make the counts of `cache` on node `number` right. */
export function recount_slabs(cache: KmemCache, number: u32): void {
  const node = get_node(cache, number);
  const moves = changetype<usize>(node) + offsetof<KmemCacheNode>("moves");
  for (let turn: u32 = 0; turn < TRIES; turn++) {
    const before = read_once(moves);
    const sum = count_slabs(cache, number);
    const counted = read_once64(node_counts(node));
    if (sum === BUSY || read_once(moves) !== before) {
      cpu_relax(moves);
      continue;
    }
    fetch_add64(node_counts(node), sum - counted);
    return;
  }
}
